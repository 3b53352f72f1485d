"""KITTI's 2D boxes: a text file for each image in label_2, 15 words a row."""

from __future__ import annotations

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.values import number_of
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import numbers
from mmlite.tools.convert_dataset.source import NO_CLASS, SCORES, Records, Source
from mmlite.tools.convert_dataset.text_files import first_rows, text_pictures

LOOKS_FOR = 'text files with 15 or 16 words a row, the first a class (label_2 beside image_2)'
_WORDS = (15, 16)  # 16 with a score


def finds(source: Source) -> bool:
    return any(_is_row(row) for row in first_rows(source))


def records(source: Source) -> Records:
    """Reads all text files; boxes of DontCare have no class, and are left out."""
    return Records(text_pictures(source, _box))


def _is_row(row: str) -> bool:
    words = row.split()
    return (
        len(words) in _WORDS
        and number_of(words[0]) is None
        and all(number_of(word) is not None for word in words[1:])
    )


def _box(source: Source, row: str, at: str) -> Box | None:
    words = row.split()
    if len(words) not in _WORDS:
        raise DataError(f'{at}: 15 words (16 with a score) are expected, found {row!r:.100}')
    corners = numbers(words[4:8], 4, f'{at}: left, top, right, bottom')
    numbers(words[1:], len(words) - 1, f'{at}: all words behind the class')
    if words[0] == 'DontCare':
        source.lose(NO_CLASS)
        return None
    source.lose('truncation, occlusion, 3D sizes and places')
    source.lose(SCORES, len(words) == 16)
    return Box(words[0], tuple(corners))
