"""YOLO's label files: where that of an image is, and what is in it. n images, G objects in all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmlite.datasets.annotations import Arrays, cached
from mmlite.datasets.image_files import file_stat
from mmlite.datasets.values import number_of
from mmlite.datasets.yolo_lists import read_lines
from mmlite.errors import DataError
from mmlite.support.progress import progress

_IMAGE_FOLDERS = ('images', 'image', 'imgs', 'img', 'jpegimages')  # in any case
_LABEL_FOLDERS = ('labels', 'label')
_SEARCHED = 2000  # folders that are searched for a label file that is nowhere else


class LabelFiles(NamedTuple):
    """Where the label files are.

    Attributes:
        files: n paths.
        stats: (n, 2) int64, size and time of each, zeros where there is none.
        how: what to say about the place, '' for the usual one.
    """

    files: list[str]
    stats: np.ndarray
    how: str

    @property
    def missing(self) -> np.ndarray:
        """(n,) bool: there is no file."""
        return ~self.stats.any(axis=1)


def label_file(image: str) -> str:
    """Returns the file with the objects of an image: `labels` for the last `images` in its path.

    As of Ultralytics 8.4.190 (`img2label_paths`).
    """
    head, found, tail = image.rpartition(f'{os.sep}images{os.sep}')
    return beside(f'{head}{os.sep}labels{os.sep}{tail}' if found else image)


def beside(image: str) -> str:
    """Returns the path of the text file beside an image, as of Darknet."""
    return os.path.splitext(image)[0] + '.txt'


def in_folder(image: str, img_dir: str, labels_dir: str) -> str:
    """Returns the label file in `labels_dir`, in the same subfolder as the image in `img_dir`."""
    inside = image.startswith(os.path.join(img_dir, ''))
    name = os.path.relpath(image, img_dir) if inside else os.path.basename(image)
    return beside(os.path.join(labels_dir, name))


def find_label_files(images: Sequence[str], img_dir: str, labels_dir: str = '') -> LabelFiles:
    """Finds the label files of images: all by one rule.

    Args:
        images: n absolute paths.
        img_dir: the folder of the images, where there is one.
        labels_dir: the folder of the label files, where the config says it; nothing else is tried.

    Returns:
        Those of the usual place; where fewer than half of them are there, those of the place that
        has most: beside the images, or in a folder whose name differs in case.
    """
    if labels_dir:
        return _look([in_folder(image, img_dir, labels_dir) for image in images], '')
    found = _look([label_file(image) for image in images], '')
    if found.missing.mean() <= 0.5:
        return found
    for rule, how in _other_rules():
        other = _look([rule(image) for image in images], how)
        if other.missing.sum() < found.missing.sum():
            found = other
    return found


def _other_rules() -> list[tuple[Callable[[str], str], str]]:
    return [
        (beside, 'label files read beside the images'),
        (_Spelling(), 'label files read from a folder of another spelling'),
    ]


def _look(files: list[str], how: str) -> LabelFiles:
    stats = np.array([file_stat(file) for file in files], np.int64).reshape(-1, 2)
    for i in np.flatnonzero(~stats.any(axis=1)):  # an empty file of 1970 is a file too
        stats[i, 1] = os.path.isfile(files[i])
    return LabelFiles(files, stats, how and f'{how}, such as {_first(files, stats)}')


def _first(files: list[str], stats: np.ndarray) -> str:
    present = np.flatnonzero(stats.any(axis=1))
    return files[present[0] if len(present) else 0]


def shared_label_files(images: Sequence[str], found: LabelFiles) -> list[str]:
    """Returns the label files that are there and that several images share, each once."""
    of_file: dict[str, str] = {}
    shared = {}
    for image, file, missing in zip(images, found.files, found.missing.tolist(), strict=True):
        if not missing and of_file.setdefault(file, image) != image:
            shared[file] = True
    return list(shared)


class _Spelling:
    """Finds label files whose folders are spelt in another case, or beside `imgs`, `JPEGImages`."""

    def __init__(self) -> None:
        self.subfolders: dict[str, dict[str, str]] = {}  # of each folder, by name in small letters

    def __call__(self, image: str) -> str:
        parts = image.split(os.sep)
        for place in reversed(range(1, len(parts) - 1)):
            if parts[place].lower() in _IMAGE_FOLDERS:
                parent = os.sep.join(parts[:place])
                folder = self._inside(parent or os.sep, _LABEL_FOLDERS)
                for name in parts[place + 1 : -1]:
                    folder = self._inside(folder, (name.lower(),)) if folder else ''
                if folder:
                    return beside(os.path.join(folder, parts[-1]))
        return label_file(image)

    def _inside(self, folder: str, names: Sequence[str]) -> str:
        """Returns the subfolder of one of these names, in any case; '' if there is none."""
        if folder not in self.subfolders:
            entries = os.listdir(folder) if os.path.isdir(folder) else []
            self.subfolders[folder] = {name.lower(): name for name in entries}
        found = next(
            (self.subfolders[folder][n] for n in names if n in self.subfolders[folder]), ''
        )
        return os.path.join(folder, found) if found else ''


def search_label_file(image: str, folder: str) -> str:
    """Returns a text file of the image's name anywhere below `folder`; '' if there is none."""
    name = os.path.basename(beside(image))
    for count, (place, _, files) in enumerate(os.walk(folder)):
        if name in files:
            return os.path.join(place, name)
        if count >= _SEARCHED:
            break
    return ''


def load_label_files(found: LabelFiles, cache_as: str, keypoints: int = 0) -> Arrays:
    """Reads the label files, or takes them from the cache if none of them changed.

    Args:
        found: of n images.
        cache_as: which data set it is.
        keypoints: how many numbers of key points follow each box.

    Returns:
        errors (n,), why a file cannot be used, '' where it can; of the G objects image_inds (G,)
        and classes (G,) int64, lines (G,) int64, the line in the file, and bboxes (G, 4) float64
        xyxy in shares of the image; polygons () int64, how many of them were polygons.
    """
    fingerprint = dict(files=np.array(found.files, str), stats=found.stats)
    key = f'yolo\0{cache_as}\0{keypoints}'
    return cached(key, fingerprint, lambda: _read_all(found, keypoints))


def _read_all(found: LabelFiles, keypoints: int) -> Arrays:
    files = list(zip(found.files, found.missing.tolist(), strict=True))
    read = [
        ([], '') if missing else _read_or_say_why(file, keypoints)
        for file, missing in progress(files, 'reading annotations')
    ]
    rows = [(i, *row) for i, (of_file, _) in enumerate(read) for row in of_file]
    return dict(
        errors=np.array([error for _, error in read], str),
        image_inds=np.array([row[0] for row in rows], np.int64),
        lines=np.array([row[1] for row in rows], np.int64),
        classes=np.array([row[2] for row in rows], np.int64),
        bboxes=np.array([row[3] for row in rows], np.float64).reshape(-1, 4),
        polygons=np.array(sum(row[4] for row in rows)),
    )


def _read_or_say_why(file: str, keypoints: int) -> tuple[list[tuple], str]:
    """Returns (line, class, box, polygon or not) of each row; none, and why, of a bad file."""
    try:
        return list(_rows(file, keypoints)), ''
    except DataError as error:
        return [], str(error)


def _rows(file: str, keypoints: int) -> Iterator[tuple]:
    for number, row in enumerate(read_lines(Path(file)), 1):
        if row.strip():
            yield number, *parse_row(row, f'{file}:{number}', keypoints)


def parse_row(row: str, at: str, keypoints: int = 0) -> tuple[int, list[float], bool]:
    """Returns the class number, the box, xyxy in shares, and whether it is that of a polygon.

    Args:
        row: `class cx cy w h`, with key points behind it where there are any, or a polygon.
        at: its FILE:LINE.
        keypoints: how many numbers of key points there are.

    Raises:
        DataError: the row is something else.
    """
    words = row.split()
    given = number_of(words[0])
    number = int(given) if given is not None and given.is_integer() else -1
    if keypoints and len(words) == 5 + keypoints:
        words = words[:5]
    try:
        shares = np.array(words[1:], np.float64)
    except ValueError:
        shares = np.zeros(0)
    box = len(shares) == 4
    polygon = len(shares) >= 6 and len(shares) % 2 == 0
    # a border that is rounded outwards is a little beyond 1; pixels are far beyond
    if (
        not 0 <= number < 2**31
        or not (box or polygon)
        or not ((shares > -0.01) & (shares < 1.01)).all()
    ):
        scored = '. Is the sixth number the score of a detection?' if len(shares) == 5 else ''
        if box and 1 < shares.max() <= 100:
            scored = '. Are these percent? 50 percent is written 0.5'
        raise DataError(
            f"{at}: 'class cx cy w h' with shares of the image from 0 to 1 is expected, or a "
            f'polygon; found {row.strip()!r:.100}{scored}'
        )
    if polygon:
        points = shares.reshape(-1, 2)
        return number, [*points.min(axis=0), *points.max(axis=0)], True
    center, half = shares[:2], shares[2:] / 2
    return number, [*(center - half), *(center + half)], False
