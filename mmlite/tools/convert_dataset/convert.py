"""From one data set to another: records in, files out, and an account of both."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, NamedTuple

from mmlite.datasets.annotation_files import Box, Listed, clipped
from mmlite.datasets.image_files import read_size
from mmlite.errors import ConfigError, DataError
from mmlite.support.files import make_folder, whole_file
from mmlite.support.progress import progress
from mmlite.tools.convert_dataset.content import is_plain
from mmlite.tools.convert_dataset.formats import find_format, module_of
from mmlite.tools.convert_dataset.pictures import written_path
from mmlite.tools.convert_dataset.source import Picture, Records, Source

_LONGEST = 1000  # bytes of a path
_LONGEST_NAME = 60  # letters, of up to four bytes
_ROUNDING = 0.01  # px; what shares of the image with six digits are off by
_AT_BORDER = 'boxes that end at the border, a pixel smaller: devkit has no corner beyond the image'
_OWN_MARK = dict(crowd='iscrowd', difficult='difficult')
HOW = ('copy', 'link', 'leave')  # what becomes of the image files


@dataclass
class Conversion:
    """What a conversion did.

    Args:
        read_as, written_as: names of the two formats.
        came, went: the images with their boxes, read and written.
        classes: of both.
        config: the data set of a config that reads what was written.
    """

    read_as: str
    written_as: str
    came: list[Listed]
    went: list[Listed]
    classes: list[str]
    config: dict[str, Any]


class Settled(NamedTuple):
    """A picture whose image was looked for: its file (None where it is not there), and its boxes
    in pixels."""

    name: str
    file: Path | None
    size: tuple[int, int]
    boxes: list[Box]


def convert(
    source: Source,
    target: str,
    out: Path,
    read_as: str | None = None,
    pictures: str = 'copy',
    coordinates: str = 'inclusive',
) -> Conversion:
    """Reads a data set and writes it in another format; `source` counts what is lost.

    Args:
        target: 'coco', 'voc' or 'yolo'.
        out: a folder that is not there yet, or has no files.
        read_as: the format of the source; None to find it.
        pictures: 'copy' or 'link' (symbolic links) the images into `out`, or 'leave' them.
        coordinates: what VOC's corners count by, see `written_corners`.

    Raises:
        ConfigError: `out` has files in it.
        DataError: the source is not there, its format is not clear, or it cannot be used.
    """
    name, reader = find_format(source, read_as)
    writer = module_of(target)
    # a conversion that ends with an error leaves an empty folder of images
    if out.is_dir() and any(not path.is_dir() for path in out.rglob('*')):
        raise ConfigError(f'{out}: a new or empty folder is expected, and it has files in it')
    records = reader.records(source)
    images = make_folder(out / writer.IMAGES)
    settled = list(progress(_settled(source, records, images), 'reading images'))
    if not settled:
        raise DataError(f'{source.path}: no image is left of it. {"; ".join(source.bad[:3])}')
    classes = _classes(records, settled)
    names = _new_names(settled, images, writer.FLAT)
    came = [Listed(n, one.size, one.boxes) for n, one in zip(names, settled, strict=True)]
    went = [image._replace(boxes=_kept(source, image, writer)) for image in came]
    if target == 'voc' and coordinates == 'devkit':
        source.lose(_AT_BORDER, sum(_ends_at_border(b, i.size) for i in went for b in i.boxes))
    config = writer.write(went, classes, out.resolve(), coordinates)
    _place(source, settled, names, images, pictures)
    return Conversion(name, target, came, went, classes, config)


def _settled(source: Source, records: Records, images: Path) -> Any:
    """Yields each picture once its image was looked for and its boxes are pixels."""
    seen: set[Path] = set()

    def settle(picture: Picture) -> Settled:
        if not is_plain(picture.name) or len(os.fsencode(picture.name)) > _LONGEST:
            raise DataError(f'{picture.name!r:.100} is no name of an image file')
        file = picture.file or source.pictures.find(picture.name, picture.near)
        if file is None and picture.data is not None:
            file = _written(picture, images)
        if file in seen:
            raise DataError(f"the image '{file}' is annotated twice: by '{picture.name}' too")
        seen.update({file} - {None})
        found = read_size(str(file)) if file else (0, 0)
        if file and found == (0, 0):
            if images in file.parents:
                file.unlink()
            where = '' if images in file.parents else f' ({file})'
            raise DataError(f"the image '{picture.name}'{where} cannot be read")
        size = found if found != (0, 0) else picture.size
        if size == (0, 0):
            raise DataError(
                f"the image '{picture.name}' is not there, and its annotation has no size: "
                '--images DIR names the folder that it lies in'
            )
        differs = picture.size not in ((0, 0), found) and found != (0, 0)
        source.lose('sizes of images that are not those of the files, which are taken', differs)
        return Settled(picture.name, file, size, _in_pixels(source, picture, size))

    return source.each(settle, records.pictures)


def _written(picture: Picture, images: Path) -> Path:
    """Writes the image that an annotation holds."""
    last = _last(picture.name)
    path = images / last
    number = 1
    while path.exists():
        number += 1
        path = images / f'{PurePosixPath(last).stem}_{number}{PurePosixPath(last).suffix}'
    with whole_file(path) as file:
        file.write(picture.data)
    return path


def _last(name: str) -> str:
    """Returns the name of an image without its folders, fit for a file."""
    last = PurePosixPath(written_path(name)).name
    return last[-_LONGEST_NAME:] if last.strip('.') else 'image'


def _in_pixels(source: Source, picture: Picture, size: tuple[int, int]) -> list[Box]:
    """Returns the boxes in pixels, without those that have no area in the image."""
    width, height = size if picture.shares else (1, 1)
    boxes = []
    for box in picture.boxes:
        x1, y1, x2, y2 = box.corners
        box = box._replace(corners=(x1 * width, y1 * height, x2 * width, y2 * height))
        inside = clipped(box, size).corners
        if not (x1 < x2 and y1 < y2):
            source.lose('boxes without an area, left out')
        elif not (inside[0] < inside[2] and inside[1] < inside[3]):
            source.lose('boxes without a pixel in their image, left out')
        else:
            boxes.append(box)
    return boxes


def _classes(records: Records, settled: Sequence[Settled]) -> list[str]:
    found = {box.name for one in settled for box in one.boxes}
    return [*records.classes, *sorted(found - set(records.classes))]


def _new_names(settled: Sequence[Settled], images: Path, flat: bool) -> list[str]:
    """Returns a path for each image inside the new folder; no two of them share a stem.

    Folders are kept below the one that all images lie in, unless `flat`.
    """
    files = [one.file.absolute() for one in settled if one.file]
    old = [file.parent for file in files if images.absolute() not in file.parents]
    common = Path(os.path.commonpath(old)) if old else None
    taken = {Path(f.name).stem for f in files if images.absolute() in f.parents}
    names = []
    for one in settled:
        if one.file and images.absolute() in one.file.absolute().parents:
            names.append(one.file.name)
            continue
        path = PurePosixPath(_last(one.name))
        if one.file and common:
            path = PurePosixPath(one.file.absolute().relative_to(common).as_posix())
        path = PurePosixPath(path.name) if flat else path
        if not path.suffix or not one.file:
            path = path.with_name(path.name if path.suffix else f'{path.name}.jpg')
        stem, number = path.with_suffix(''), 1
        while str(path.with_suffix('')) in taken:
            number += 1
            path = path.with_name(f'{stem.name}_{number}{path.suffix}')
        taken.add(str(path.with_suffix('')))
        names.append(str(path))
    return names


def _kept(source: Source, image: Listed, writer: ModuleType) -> list[Box]:
    """Returns the boxes that the target's format can hold, and counts what becomes of the rest."""
    kept = []
    for box in image.boxes:
        mark = 'crowd' if box.crowd else 'difficult'
        if (box.crowd or box.difficult) and mark not in writer.KEEPS:
            source.lose(f'{mark} boxes, left out: the format has no mark for them')
            continue
        if (box.crowd or box.difficult) and not writer.KEEPS[mark].startswith(_OWN_MARK[mark]):
            source.lose(f'{mark} boxes, written with {writer.KEEPS[mark]}')
        inside = clipped(box, image.size)
        if writer.CLIPS:
            source.lose('boxes that leave their image, cut off at its border', inside != box)
            box = inside
        if writer.WHOLE_PIXELS:
            has_fraction = any(abs(n - round(n)) > _ROUNDING for n in box.corners)
            source.lose('boxes with fractions of a pixel, rounded', has_fraction)
        kept.append(box)
    return kept


def _ends_at_border(box: Box, size: tuple[int, int]) -> bool:
    return any(round(end) == side for end, side in zip(box.corners[2:], size, strict=True))


def _place(
    source: Source, settled: Sequence[Settled], names: Sequence[str], images: Path, how: str
) -> None:
    """Copies or links the image files into the new folder."""
    source.lose(
        'images that are not there: only their annotations', sum(not s.file for s in settled)
    )
    if how == 'leave':
        return
    pairs = zip(settled, names, strict=True)
    for one, name in progress(pairs, 'writing images', len(names)):
        target = images / name
        if one.file is None or one.file.absolute() == target.absolute():
            continue
        make_folder(target.parent)
        if how == 'link':
            target.symlink_to(one.file.resolve())
        else:
            shutil.copyfile(one.file, target)


def summary(source: Source, done: Conversion) -> str:
    """Returns the account of a conversion: what came in, what went out, what was not kept."""
    lines = [
        f'read: {done.read_as}: {source.path}: {_counts(done.came)}',
        f'written: {done.written_as}: {_counts(done.went)}',
    ]
    lines += [f'note: {note}' for note in source.notes]
    lines += [f'not kept: {count} {what}' for what, count in source.lost.items()]
    if source.bad:
        first = '; '.join(source.bad[:3])
        lines.append(f'left out: {len(source.bad)} whose annotation cannot be used: {first}')
    return '\n'.join([*lines, f'to read it: {_as_config(done.config)}'])


def _as_config(value: Any) -> str:
    if not isinstance(value, dict):
        return repr(value)
    return f'dict({", ".join(f"{key}={_as_config(inner)}" for key, inner in value.items())})'


def _counts(images: Sequence[Listed]) -> str:
    boxes = [box for image in images for box in image.boxes]
    by_class = Counter(box.name for box in boxes)
    named = ', '.join(f'{name} {count}' for name, count in by_class.most_common(20))
    more = f' and {len(by_class) - 20} more' if len(by_class) > 20 else ''
    marked = sum(box.crowd or box.difficult for box in boxes)
    return (
        f'{len(images)} images, {sum(not image.boxes for image in images)} of them without '
        f'objects; {len(boxes)} boxes ({named or "none"}{more}), {marked} of them crowds or '
        'difficult'
    )
