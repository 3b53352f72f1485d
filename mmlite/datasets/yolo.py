"""YoloDataset: a text file beside each image, `class cx cy w h` in shares of the image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import numpy as np
import yaml

from mmlite.datasets.annotations import Arrays, cached
from mmlite.datasets.base import DetDataset
from mmlite.datasets.image_files import IMAGE_ENDINGS, file_stat, image_sizes
from mmlite.datasets.values import number_of
from mmlite.errors import DataError
from mmlite.registry import DATASETS

_SHOWN = 3  # places in a message


@DATASETS.register_module()
class YoloDataset(DetDataset):
    """YOLO's layout: `images/train/a.jpg` has its objects in `labels/train/a.txt`.

    A row is `class cx cy w h` (Darknet, Ultralytics) or `class x1 y1 x2 y2 x3 y3 ...`, a polygon,
    of which the box around it is taken. Coordinates are shares of the image, classes count from 0.
    An image without a text file has no objects; they are counted, and in training data that have
    not one text file are refused.

    Args (others as of DetDataset):
        ann_file: list of image paths, relative to `data_root`; '' takes all images in the folder.
        data_prefix: dict(img='images/train'), the folder of the images.
        metainfo: dict(classes=...) chooses classes by name, and their order. What the numbers in
            the text files mean is said by `names` of `data.yaml`, or the lines of `classes.txt`,
            in `data_root`; where there is neither, by `classes` itself.
    """

    METAINFO: ClassVar[dict] = dict(classes='auto')
    HOW_TO_GET: ClassVar[str] = (
        'data_root is the folder that holds images, labels and, as a rule, data.yaml.'
    )

    def load_records(self) -> list[dict]:
        self._check_prefix('img', 'the folder of the images')
        paths = self._image_paths()
        names = self._names()
        cache_as = f'{self._path("")}\0{self.ann_file}\0{self.data_prefix}'
        found = load_label_files(paths, cache_as)
        errors = found['errors'].tolist()
        self._refuse_none_usable(errors)
        self._check_label_files(found['missing'], paths)
        self.bad_items |= {path: why for path, why in zip(paths, errors, strict=True) if why}
        _check_numbers(found, names, paths)
        counts = np.bincount(found['classes'], minlength=len(names)).tolist()
        if self.classes is None:
            self.metainfo['classes'] = tuple(names)
        labels_by_name = self.settle_classes(dict(zip(names, counts, strict=True)))
        table = np.array([labels_by_name.get(name, 0) for name in names], np.int64)
        labels = table[found['classes']]
        sizes = image_sizes(paths, cache_as)
        bboxes = (found['bboxes'] * np.tile(sizes, 2)[found['image_inds']]).astype(np.float32)
        ends = np.searchsorted(found['image_inds'], np.arange(len(paths)), side='right').tolist()
        records = []
        for path, (width, height), start, end in zip(
            paths, sizes.tolist(), [0, *ends[:-1]], ends, strict=True
        ):
            rows = np.arange(start, end)[labels[start:end] > 0]
            ann = dict(
                bboxes=bboxes[rows], labels=labels[rows], difficult=np.zeros(len(rows), bool)
            )
            records.append(dict(filename=path, width=width, height=height, ann=ann))
        return records

    def _check_label_files(self, missing: np.ndarray, paths: list[str]) -> None:
        """Counts the images without a text file; in training refuses data that have not one."""
        count, some = int(missing.sum()), [label_file(path) for path in paths[:_SHOWN]]
        places = f'looked for: {", ".join(some)}'
        if count == len(paths) and not self.test_mode:
            raise DataError(
                f'{self.title}: none of its {count} images has a label file; {places}. In the path '
                "of an image 'labels' takes the place of the last folder named 'images', else the "
                'text file lies beside the image. Where no image has an object, an empty text file '
                'for one of them says that this is meant.'
            )
        if count == len(paths):
            self._warn(f'none of its {count} images has a label file; {places}')
        else:
            self._note(count, f'of {len(paths)} images have no label file: without objects')

    def _image_paths(self) -> list[str]:
        if self.ann_file:
            file = Path(self._require(self._path(self.ann_file)))
            lines = read_lines(file)
            paths = [self._path(line.strip().removeprefix('./')) for line in lines if line.strip()]
            self._check_inside(paths, str(file), self._path(self.data_prefix.get('img', 'images')))
        else:
            folder = Path(self._require(self._path(self.data_prefix.get('img', 'images'))))
            files = sorted(file for file in folder.rglob('*') if file.is_file())
            paths = [str(file) for file in files if file.suffix.lower() in IMAGE_ENDINGS]
        if not paths:
            raise DataError(f'{self.title}: no image in the folder or the list')
        return paths

    def _names(self) -> list[str]:
        """Returns what the numbers in the text files mean."""
        config, listed = Path(self._path('data.yaml')), Path(self._path('classes.txt'))
        if config.is_file():
            return read_names(config)
        if listed.is_file():
            return [line.strip() for line in read_lines(listed) if line.strip()]
        if self.classes is None:
            raise DataError(
                f"{self.title}: what do the class numbers mean? There is neither '{config}' with "
                f"names nor '{listed}'; or set metainfo=dict(classes=(...))"
            )
        return list(self.classes)


def read_lines(file: Path) -> list[str]:
    """Reads a text file line by line.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        return file.read_text('utf-8-sig').split('\n')
    except (OSError, ValueError) as error:
        raise DataError(f'{file}: cannot be read as text: {error}') from None


def read_names(config: Path) -> list[str]:
    """Reads `names` of a data.yaml: a list, or a mapping from 0, 1, ... to names.

    Raises:
        DataError: it cannot be read, or has no such names.
    """
    try:
        names = (yaml.safe_load(config.read_text('utf-8')) or {}).get('names')
    except (OSError, ValueError, RecursionError, yaml.YAMLError, AttributeError) as error:
        reason = ' '.join(str(error).split())  # several lines
        raise DataError(f'{config}: cannot be read as YAML: {reason}') from None
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[i] for i in range(len(names))]
    if not isinstance(names, list) or not names:
        raise DataError(
            f"{config}: 'names' is a list of class names, or a mapping from 0, 1, ... to them; "
            f'found {names!r}'
        )
    return [str(name) for name in names]


def load_label_files(paths: list[str], cache_as: str) -> Arrays:
    """Reads the text files of n images, or takes them from the cache if none of them changed.

    Returns:
        errors (n,), why a file cannot be used, '' where it can; missing (n,) bool, there is no
        file; of the G objects image_inds (G,)
        and classes (G,) int64, lines (G,) int64, the line in the file, and bboxes (G, 4) float64
        xyxy in shares of the image.
    """
    files = [label_file(path) for path in paths]
    stats = np.array([file_stat(file) for file in files])
    fingerprint = dict(files=np.array(files, str), stats=stats)
    found = cached(f'yolo\0{cache_as}', fingerprint, lambda: _read_all(files))
    return found | dict(missing=np.array([not os.path.isfile(file) for file in files], bool))


def label_file(image: str) -> str:
    """Returns where the objects of an image stand: `labels` for the last `images` in its path."""
    head, found, tail = image.rpartition(f'{os.sep}images{os.sep}')
    moved = f'{head}{os.sep}labels{os.sep}{tail}' if found else image
    return os.path.splitext(moved)[0] + '.txt'


def _read_all(files: list[str]) -> Arrays:
    found = [_read_or_say_why(file) for file in files]
    rows = [(i, *row) for i, (of_file, _) in enumerate(found) for row in of_file]
    return dict(
        errors=np.array([error for _, error in found], str),
        image_inds=np.array([row[0] for row in rows], np.int64),
        lines=np.array([row[1] for row in rows], np.int64),
        classes=np.array([row[2] for row in rows], np.int64),
        bboxes=np.array([row[3] for row in rows], np.float64).reshape(-1, 4),
    )


def _read_or_say_why(file: str) -> tuple[list[tuple], str]:
    """Returns (line, class, box) of each row, none with the reason where a file cannot be used."""
    if not os.path.isfile(file):
        return [], ''  # an image without objects
    try:
        return [
            (number, *parse_row(row, f'{file}:{number}'))
            for number, row in enumerate(read_lines(Path(file)), 1)
            if row.strip()
        ], ''
    except DataError as error:
        return [], str(error)


def parse_row(row: str, at: str) -> tuple[int, list[float]]:
    """Returns the class number and the box, xyxy in shares, of a row; `at` is its FILE:LINE.

    Raises:
        DataError: the row is something else.
    """
    words = row.split()
    given = number_of(words[0])
    number = int(given) if given is not None and given.is_integer() else -1
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
        raise DataError(
            f"{at}: 'class cx cy w h' with shares of the image from 0 to 1 is expected, or a "
            f'polygon; found {row.strip()!r:.100}'
        )
    if polygon:
        return number, [*shares.reshape(-1, 2).min(axis=0), *shares.reshape(-1, 2).max(axis=0)]
    center, half = shares[:2], shares[2:] / 2
    return number, [*(center - half), *(center + half)]


def _check_numbers(labels: Arrays, names: list[str], paths: list[str]) -> None:
    beyond = np.flatnonzero(labels['classes'] >= len(names))
    if beyond.size:
        first = beyond[0]
        file = label_file(paths[labels['image_inds'][first]])
        raise DataError(
            f'{file}:{labels["lines"][first]}: class {labels["classes"][first]}, but there are '
            f'{len(names)} names, from 0 to {len(names) - 1}: {", ".join(names[:20])}'
        )
