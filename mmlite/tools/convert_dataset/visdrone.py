"""VisDrone-DET: a text file for each image, `x,y,w,h,score,category,truncation,occlusion`."""

from __future__ import annotations

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.values import number_of
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import from_xywh, numbers
from mmlite.tools.convert_dataset.source import ATTRIBUTES, NO_CLASS, Records, Source
from mmlite.tools.convert_dataset.text_files import first_rows, text_pictures

LOOKS_FOR = 'text files with eight numbers a row, with commas between them'
CLASSES = (
    *('pedestrian', 'people', 'bicycle', 'car', 'van', 'truck', 'tricycle'),
    *('awning-tricycle', 'bus', 'motor', 'others'),
)


def finds(source: Source) -> bool:
    rows = [_words(row) for row in first_rows(source)]
    return any(len(row) == 8 and all(number_of(w) is not None for w in row) for row in rows)


def records(source: Source) -> Records:
    """Reads all text files.

    Category 0, regions to be ignored, has no class and is left out. A box of another category
    whose score is 0 is one that the evaluation passes over: it is marked difficult.
    """
    return Records(text_pictures(source, _box), CLASSES)


def _words(row: str) -> list[str]:
    return row.strip().rstrip(',').split(',')


def _box(source: Source, row: str, at: str) -> Box | None:
    x, y, width, height, score, category, truncation, occlusion = numbers(_words(row), 8, at)
    if category not in range(len(CLASSES) + 1):
        raise DataError(f'{at}: the category is 0 to {len(CLASSES)}, found {category:g}')
    if category == 0:
        source.lose(NO_CLASS)
        return None
    source.lose(ATTRIBUTES, (truncation > 0) + (occlusion > 0))
    name = CLASSES[int(category) - 1]
    return Box(name, from_xywh(x, y, width, height), difficult=score == 0)
