"""CsvDataset: one row for each object in a table."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import ClassVar, NamedTuple

import numpy as np

from mmlite.datasets.annotations import HUGE
from mmlite.datasets.base import DetDataset
from mmlite.datasets.image_files import image_sizes
from mmlite.errors import DataError, did_you_mean
from mmlite.registry import DATASETS

COLUMNS = ('filename', 'xmin', 'ymin', 'xmax', 'ymax', 'class')
SIZE_COLUMNS = ('width', 'height')
_SEPARATORS = (',', ';', '\t')


@DATASETS.register_module()
class CsvDataset(DetDataset):
    """A table with the header `filename,xmin,ymin,xmax,ymax,class`, in any order.

    Commas, semicolons or tabs separate the columns; with semicolons 1,5 is a number. A table
    without a header has these six columns in this order. Coordinates are pixels counted from 0. A
    row whose box and class are empty lists an image without objects. Columns `width` and `height`
    (px) save reading the images; others, such as `confidence`, are not read. In test mode a table
    without boxes and classes lists images.

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
    form = table_form(path)
    _check_columns(form.columns, path, without_boxes)
    objects: dict[str, list[tuple]] = {}
    for line, row in table_rows(path, form):
        at = f'{path}:{line}'
        objects.setdefault(_filename(row, at), []).append(_parse(row, at))
    if not objects:
        raise DataError(f'{path}: the table has no rows')
    return objects


def table_rows(path: str, form: Form) -> Iterator[tuple[int, dict]]:
    """Yields the number of a row's line and its words by the names of their columns.

    Args:
        path: the table.
        form: see `table_form`.

    Raises:
        DataError: the file cannot be read as a table.
    """
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            reader = csv.DictReader(
                file, form.columns, delimiter=form.separator, skipinitialspace=True
            )
            for row in islice(reader, form.has_header, None):
                yield reader.line_num, _with_points(row, form)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read as a table: {error}') from None


def _with_points(row: dict, form: Form) -> dict:
    """Spreadsheets of countries that write 1,5 separate columns by semicolons."""
    if form.separator != ';':
        return row
    corners = COLUMNS[1:5]
    return {
        key: (word or '').replace(',', '.') if key in corners else word for key, word in row.items()
    }


class Form(NamedTuple):
    """What separates the columns of a table, their names, and whether its first line has them."""

    separator: str
    columns: list[str]
    has_header: bool


def table_form(path: str) -> Form:
    """Returns how a table is written, by its first line.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, encoding='utf-8-sig', newline='') as file:
            return form_of(file.readline())
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read as a table: {error}') from None


def form_of(first: str) -> Form:
    """Returns how a table with this first line is written."""
    separator = max(_SEPARATORS, key=first.count)
    words = [word.strip() for word in next(csv.reader([first], delimiter=separator), [])]
    is_row = len(words) == len(COLUMNS) and not set(words) & set(COLUMNS)
    corners = [word.replace(',', '.') for word in words[1:5]]
    if is_row and (_numbers(corners) or not any(words[1:])):
        return Form(separator, list(COLUMNS), False)
    return Form(separator, words, True)


def _check_columns(header: list[str], path: str, without_boxes: bool) -> None:
    if without_boxes and set(header) & set(COLUMNS) == {'filename'}:
        return
    for column in COLUMNS:
        if column not in header:
            raise DataError(
                f"{path}:1: the header has no column '{column}'."
                f'{did_you_mean(column, header)} Expected: {",".join(COLUMNS)}; '
                f'found: {",".join(header)}'
            )


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
