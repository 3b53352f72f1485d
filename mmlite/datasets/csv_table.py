"""CsvDataset: one row for each object in a table."""

from __future__ import annotations

import csv
import os
from collections import Counter
from typing import ClassVar

import numpy as np

from mmlite.datasets.annotations import HUGE
from mmlite.datasets.base import DetDataset
from mmlite.datasets.image_files import image_sizes
from mmlite.errors import DataError, did_you_mean
from mmlite.registry import DATASETS

COLUMNS = ('filename', 'xmin', 'ymin', 'xmax', 'ymax', 'class')
SIZE_COLUMNS = ('width', 'height')


@DATASETS.register_module()
class CsvDataset(DetDataset):
    """A table with the header `filename,xmin,ymin,xmax,ymax,class`, in any order.

    Coordinates are pixels counted from 0. A row whose box and class are empty lists an image
    without objects. Columns `width` and `height` (px) save reading the images; others, such as
    `confidence`, are not read. In test mode a table without boxes and classes lists images.

    Args (others as of DetDataset):
        ann_file: the table, e.g. 'train.csv'.
        data_prefix: dict(img='images/'), the folder that `filename` is relative to.
        metainfo: dict(classes=...); 'auto' (as if left out) takes the names found, sorted.
    """

    METAINFO: ClassVar[dict] = dict(classes='auto')

    def load_records(self) -> list[dict]:
        """Returns the records, see DetDataset.

        Raises:
            ConfigError: `ann_file` is missing, or classes do not fit.
            DataError: the table is not there, or a row of it cannot be used.
        """
        self._check_prefix(img="the folder that the column 'filename' is relative to")
        table = self._annotation_file('a CSV file')
        folder = self._require(self._path(self.data_prefix.get('img', '')))
        objects = read_table(table, without_boxes=self.test_mode)
        counts = Counter(name for rows in objects.values() for name, *_ in rows if name)
        labels = self.settle_classes(dict(counts))
        paths = [os.path.join(folder, name) for name in objects]
        self._check_inside(paths, table, folder)
        sizes = self._sizes(objects, paths, table)
        records = []
        for path, rows, (width, height) in zip(paths, objects.values(), sizes, strict=True):
            mine = [(labels[name], *box) for name, *box, _ in rows if name in labels]
            array = np.array(mine, np.float64).reshape(-1, 5)
            ann = dict(
                bboxes=array[:, 1:].astype(np.float32),
                labels=array[:, 0].astype(np.int64),
                difficult=np.zeros(len(mine), bool),
            )
            records.append(dict(filename=path, width=width, height=height, ann=ann))
        return records

    def _sizes(self, objects: dict, paths: list[str], table: str) -> list[tuple[int, int]]:
        written = [rows[0][-1] for rows in objects.values()]
        if all(written):
            return written
        return [tuple(size) for size in image_sizes(paths, table).tolist()]


def read_table(path: str, without_boxes: bool = False) -> dict[str, list[tuple]]:
    """Returns the rows of each file name: class name ('' for no object), four corners, size.

    The size is (w, h), or None where the table has none.

    Args:
        path: the table.
        without_boxes: it may have no columns of boxes and classes at all, as a list of images to
            be tested.

    Raises:
        DataError: the header lacks a column, or a row is wrong; names the line.
    """
    try:
        return _read_rows(path, without_boxes)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read as a table: {error}') from None


def _read_rows(path: str, without_boxes: bool) -> dict[str, list[tuple]]:
    with open(path, encoding='utf-8-sig', newline='') as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        header = [name.strip() for name in reader.fieldnames or ()]
        images_only = without_boxes and set(header) & set(COLUMNS) == {'filename'}
        for column in COLUMNS:
            if column not in header and not images_only:
                raise DataError(
                    f"{path}:1: the header has no column '{column}'."
                    f'{did_you_mean(column, header)} Expected: {",".join(COLUMNS)}; '
                    f'found: {",".join(header)}'
                )
        reader.fieldnames = header
        objects: dict[str, list[tuple]] = {}
        for row in reader:
            at = f'{path}:{reader.line_num}'
            objects.setdefault(_filename(row, at), []).append(_parse(row, at))
    if not objects:
        raise DataError(f'{path}: the table has no rows')
    return objects


def _filename(row: dict, at: str) -> str:
    name = (row['filename'] or '').strip().replace('\\', '/')
    if not name:
        raise DataError(f"{at}: the column 'filename' is empty")
    return name


def _parse(row: dict, at: str) -> tuple:
    words = [(row.get(column) or '').strip() for column in COLUMNS[1:]]
    size = _numbers([(row.get(column) or '').strip() for column in SIZE_COLUMNS])
    size = tuple(map(int, size)) if size and 1 <= min(size) <= max(size) < HUGE else None
    if not any(words):
        return ('', 0, 0, 0, 0, size)
    box = _numbers(words[:4])
    if box is None or not words[4]:
        raise DataError(
            f'{at}: four numbers and a class are expected (or none of them, for an image without '
            f'objects); found {",".join(words)}'
        )
    return (words[4], *box, size)


def _numbers(words: list[str]) -> list[float] | None:
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return None
    return numbers if all(abs(number) < HUGE for number in numbers) else None
