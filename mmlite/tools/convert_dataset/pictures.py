"""Image files of a data set: found by the names in annotations, never outside of its folders."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.errors import ConfigError, DataError

_BESIDE = ('', 'images', 'JPEGImages')  # looked into for an annotation file
_UPLOADED = re.compile('^[0-9a-f]{8}-')  # Label Studio's mark before the name of an upload


class PictureFiles:
    """Finds images by name.

    Args:
        source: a folder, in which they may lie anywhere; or an annotation file, in whose folder
            they lie, or in `images` or `JPEGImages` there.
        images: another folder, in which they may lie anywhere.
    """

    def __init__(self, source: Path, images: Path | None) -> None:
        if images is not None and not images.is_dir():
            raise ConfigError(f'--images {images}: there is no such folder')
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in sorted(_images_of(source, images)):
            self._by_name.setdefault(path.name, []).append(path)
            self._by_stem.setdefault(path.stem, []).append(path)
        self.count = sum(map(len, self._by_name.values()))

    def find(self, name: str, near: Path | None = None) -> Path | None:
        """Returns the image that an annotation means; None where it is not there.

        Args:
            name: a path of any machine, a URL, or a name without ending. Only the folders of the
                data are looked into, whatever it says.
            near: the folder of the annotation, where the name is relative to that.

        Raises:
            DataError: several images fit.
        """
        words = written_path(name).split('/')
        last = words[-1]
        has_ending = os.path.splitext(last)[1].lower() in IMAGE_ENDINGS
        table = self._by_name if has_ending else self._by_stem
        found = table.get(last) or table.get(_UPLOADED.sub('', last)) or []
        if len(found) > 1 and near is not None:
            beside = Path(os.path.normpath(near.joinpath(*words)))
            found = [beside] if beside in found else found
        if len(found) > 1:
            found = _fitting_best(found, words)
        if len(found) > 1:
            raise DataError(f"the image '{name}' is {found[0]} or {found[1]}: which?")
        return found[0] if found else None


def written_path(name: str) -> str:
    """Returns the path in a name: of a URL, of Windows, or of Label Studio's `?d=`."""
    if '://' in name or name.startswith(('file:', '/data/')):
        parts = urlsplit(name)
        name = parse_qs(parts.query).get('d', [''])[0] or unquote(parts.path)
    return name.replace('\\', '/').rstrip('/')


def _images_of(source: Path, images: Path | None) -> Iterator[Path]:
    folders = [(source, True)] if source.is_dir() else [(source.parent / n, False) for n in _BESIDE]
    if images is not None:
        folders = [(images, True)]
    for folder, deep in folders:
        for current, inner, names in os.walk(folder):
            if not deep:
                inner.clear()
            yield from (Path(current, n) for n in names if _is_image(n))


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_ENDINGS and not name.startswith('.')


def _fitting_best(paths: Sequence[Path], words: Sequence[str]) -> list[Path]:
    """Returns those of the paths that share the most last words with the name."""

    def shared(path: Path) -> int:
        pairs = zip(reversed(path.parts[:-1]), reversed(words[:-1]), strict=False)
        count = 0
        for one, other in pairs:
            if one != other:
                break
            count += 1
        return count

    most = max(map(shared, paths))
    return [path for path in paths if shared(path) == most]
