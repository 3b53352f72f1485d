"""VOC's XML files as flat arrays. n images, G objects in all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.ElementTree import parse

from mmlite.datasets.annotations import HUGE, Arrays, cached
from mmlite.datasets.image_files import file_stat
from mmlite.datasets.values import SHARES_ADVICE, are_shares, number_of, truth_value
from mmlite.datasets.voc_corners import writer_of
from mmlite.errors import DataError
from mmlite.support.progress import progress

# the texts that tell the writer
_MARKS = ('source/database', 'source/annotation', 'owner/name', 'folder', 'path')


class XmlFile(NamedTuple):
    """One annotation file: (w, h) in pixels, 0 where unknown; the image's name as written; its
    writer, see `writer_of`; per object its name, difficult flag and four corners as written."""

    size: tuple[int, int]
    image_name: str
    writer: str
    names: list[str]
    difficult: list[bool]
    corners: list[list[float]]


_EMPTY = XmlFile((0, 0), '', '', [], [], [])


def load_xml(path: str | os.PathLike) -> Element:
    """Reads an XML file without entities; returns its root.

    Raises:
        DataError: it cannot be read, is not well-formed, or declares entities.
    """
    try:
        return parse(path).getroot()
    except ParseError as error:
        raise DataError(f'{path}:{error.position[0]}: not well-formed XML: {error}') from None
    except FileNotFoundError:
        raise DataError(f'{path}: there is no such annotation file') from None
    except (OSError, ValueError, LookupError) as error:  # defusedxml's are ValueErrors
        raise DataError(f'{path}: cannot be read as XML: {error!r}') from None


def parse_xml(path: str) -> XmlFile:
    """Parses a VOC annotation file.

    Raises:
        DataError: it cannot be read, is not well-formed, or an object lacks its name or box.
    """
    root = load_xml(path)
    if root.tag != 'annotation':
        raise DataError(f'{path}: the root element is <{root.tag}>, and <annotation> is expected')
    objects = [_parse_object(path, i, obj) for i, obj in enumerate(root.findall('object'), 1)]
    return XmlFile(
        (_parse_side(root.findtext('size/width')), _parse_side(root.findtext('size/height'))),
        _text(root, 'filename'),
        writer_of(*(_text(root, place) for place in _MARKS)),
        [name for name, _, _ in objects],
        [difficult for _, difficult, _ in objects],
        [corners for _, _, corners in objects],
    )


def _text(element: Element, place: str) -> str:
    return (element.findtext(place) or '').strip()


def _parse_object(path: str, number: int, obj: Element) -> tuple[str, bool, list[float]]:
    name = _text(obj, 'name')
    corners = [obj.findtext(f'bndbox/{key}') for key in ('xmin', 'ymin', 'xmax', 'ymax')]
    numbers = [number_of(corner) for corner in corners]
    written = _text(obj, 'difficult')
    difficult = truth_value(written)
    if not name or difficult is None or not all(n is not None and abs(n) < HUGE for n in numbers):
        raise DataError(
            f'{path}: object {number} needs a name and a bndbox of four numbers; found name '
            f'{name!r}, xmin, ymin, xmax, ymax {corners} and difficult {written!r}'
        )
    if are_shares(numbers).any():
        raise DataError(f'{path}: object {number} has the corners {corners}: {SHARES_ADVICE}')
    return name, difficult, numbers


def _parse_side(text: str | None) -> int:
    side = number_of(text)  # where there is none, the data set asks the picture
    return int(side) if side is not None and 0 < side < HUGE else 0


def load_xml_files(ann_dir: str, ids: list[str], cache_as: str) -> Arrays:
    """Parses ann_dir/ID.xml for n ids, or takes them from the cache if none of them changed.

    Returns:
        errors (n,), why a file cannot be used, '' where it can; missing (n,) bool, there is no
        such file; sizes (n, 2) int32 as written (w, h), image_names (n,) as written, writers (n,),
        see `writer_of`; of the G objects of all classes image_inds (G,) int64, corners (G, 4)
        float64 as written, difficult (G,) bool and name_inds (G,) int64, the index of its class
        name in name_table.
    """
    names = [f'{i}.xml' for i in ids]
    entries = dict(scan(ann_dir, names))
    paths = [os.path.join(ann_dir, name) for name in names]
    stats = [file_stat(entries.get(name, path)) for name, path in zip(names, paths, strict=True)]
    fingerprint = dict(names=np.array(names), stats=np.array(stats))
    found = cached(f'xml\0{ann_dir}\0{cache_as}', fingerprint, lambda: _flatten(paths))
    pairs = zip(stats, paths, strict=True)
    missing = np.array([not any(stat) and not os.path.exists(path) for stat, path in pairs], bool)
    return found | dict(missing=missing)


def _flatten(paths: list[str]) -> Arrays:
    files, errors = zip(
        *map(_parse_or_say_why, progress(paths, 'reading annotations')), strict=True
    )
    names = [name for file in files for name in file.names]
    name_table, name_inds = np.unique(np.array(names, str), return_inverse=True)
    return dict(
        errors=np.array(errors, str),
        sizes=np.array([file.size for file in files], np.int32).reshape(-1, 2),
        image_names=np.array([file.image_name for file in files], str),
        image_inds=np.repeat(np.arange(len(files)), [len(file.names) for file in files]),
        writers=np.array([file.writer for file in files], str),
        corners=np.array([c for file in files for c in file.corners], np.float64).reshape(-1, 4),
        difficult=np.array([d for file in files for d in file.difficult], bool),
        name_inds=name_inds,
        name_table=name_table,
    )


def _parse_or_say_why(path: str) -> tuple[XmlFile, str]:
    """Returns the content of a file, an empty one with the reason where it cannot be used."""
    try:
        return parse_xml(path), ''
    except DataError as error:
        return _EMPTY, str(error)


def count_names(xml: Arrays) -> dict[str, int]:
    """Returns the number of objects by class name."""
    counts = np.bincount(xml['name_inds'], minlength=len(xml['name_table']))
    return dict(zip(xml['name_table'].tolist(), counts.tolist(), strict=True))


def scan(folder: str, names: Iterable[str]) -> Iterator[tuple[str, os.DirEntry]]:
    """Yields the files of `folder` and of the subfolders that `names` lie in, by relative name."""
    for subfolder in sorted({os.path.dirname(name) for name in names}):
        if os.path.isdir(os.path.join(folder, subfolder)):
            with os.scandir(os.path.join(folder, subfolder)) as entries:
                for entry in entries:
                    yield f'{subfolder}/{entry.name}'.lstrip('/'), entry
