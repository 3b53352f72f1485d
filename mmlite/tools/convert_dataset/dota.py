"""DOTA: a text file for each image with four corners, a class and a difficult mark a row."""

from __future__ import annotations

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.values import number_of, truth_value
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import around, numbers
from mmlite.tools.convert_dataset.source import ROTATED, Records, Source
from mmlite.tools.convert_dataset.text_files import first_rows, text_pictures

LOOKS_FOR = 'text files with `x1 y1 x2 y2 x3 y3 x4 y4 class difficult` a row (labelTxt)'


def finds(source: Source) -> bool:
    return any(_is_header(row) or _is_row(row) for row in first_rows(source))


def records(source: Source) -> Records:
    """Reads all text files; a box is the upright one around the four corners."""
    return Records(text_pictures(source, _box, _is_header))


def _is_header(row: str) -> bool:
    return row.startswith(('imagesource:', 'gsd:'))


def _is_row(row: str) -> bool:
    words = row.split()
    return (
        len(words) == 10
        and all(number_of(word) is not None for word in words[:8])
        and number_of(words[8]) is None
    )


def _box(source: Source, row: str, at: str) -> Box:
    words = row.split()
    if len(words) != 10:
        raise DataError(f'{at}: eight numbers, a class and 0 or 1 are expected, found {row!r:.100}')
    corners = numbers(words[:8], 8, at)
    xs, ys = corners[::2], corners[1::2]
    difficult = truth_value(words[9])
    if difficult is None:
        raise DataError(f'{at}: difficult is 0 or 1, found {words[9]!r:.20}')
    source.lose(ROTATED, len(set(xs)) > 2 or len(set(ys)) > 2)
    return Box(words[8], around(corners, at), difficult=difficult)
