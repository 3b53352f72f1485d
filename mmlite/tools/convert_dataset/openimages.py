"""OpenImages: a CSV table of boxes, with the names of its classes beside it."""

from __future__ import annotations

import csv
from pathlib import Path

from mmlite.datasets.annotation_files import Box
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import (
    load_table,
    name_of,
    numbers,
    read_text,
    starts_like,
)
from mmlite.tools.convert_dataset.files import the_one
from mmlite.tools.convert_dataset.source import ATTRIBUTES, Picture, Records, Source

LOOKS_FOR = 'a CSV table with the columns ImageID, LabelName, XMin, XMax, YMin, YMax'
_COLUMNS = ('ImageID', 'LabelName', 'XMin', 'XMax', 'YMin', 'YMax')
_FLAGS = ('IsOccluded', 'IsTruncated', 'IsDepiction', 'IsInside')


def finds(source: Source) -> bool:
    return bool(_tables(source))


def records(source: Source) -> Records:
    """Reads one table; IsGroupOf is a crowd. Its images without objects are in no row of it."""
    path = the_one(_tables(source) or _others(source), source.path)
    rows = load_table(path)
    for column in _COLUMNS:
        if not rows or column not in rows[0]:
            found = ', '.join(rows[0]) if rows else 'no rows'
            raise DataError(f'{path}: there is no column {column!r}; found: {found}')
    names = _class_names(path)
    of_image: dict[str, list] = {}
    for line, row in enumerate(rows, 2):
        of_image.setdefault(row['ImageID'], []).append((f'{path}:{line}', row))
    if source.path.is_dir() or source.images:
        source.lose(
            'images that the table does not list (without objects, or not annotated), left out',
            max(source.pictures.count - len(of_image), 0),
        )
    pictures = source.each(lambda item: _picture(source, names, *item), of_image.items())
    return Records(pictures)


def _tables(source: Source) -> list[Path]:
    tables = source.ending_in('.csv')
    return [path for path in tables if set(_COLUMNS) <= set(_header(path))]


def _others(source: Source) -> list[Path]:
    return [path for path in source.ending_in('.csv') if 'class-descriptions' not in path.name]


def _header(path: Path) -> list[str]:
    return [word.strip() for word in (starts_like(path).splitlines() or [''])[0].split(',')]


def _class_names(table: Path) -> dict[str, str]:
    """Returns the names of ids such as /m/01yrx, of the files class-descriptions*.csv beside it."""
    names = {}
    for path in sorted(table.parent.glob('*class-descriptions*.csv')):
        rows = csv.reader(read_text(path).splitlines())
        names |= {row[0]: row[1] for row in rows if len(row) == 2}
    return names


def _picture(source: Source, names: dict[str, str], image: str, rows: list) -> Picture:
    if not image:
        raise DataError(f'{rows[0][0]}: the column ImageID is empty')
    boxes = []
    for at, row in rows:
        x1, x2, y1, y2 = numbers([row[key] for key in _COLUMNS[2:]], 4, f'{at}: {_COLUMNS[2:]}')
        label = name_of(row['LabelName'], at)
        crowd = row.get('IsGroupOf') == '1'  # -1 is unknown
        boxes.append(Box(names.get(label, label), (x1, y1, x2, y2), crowd=crowd))
        source.lose(ATTRIBUTES, sum(row.get(flag) == '1' for flag in _FLAGS))
    return Picture(image, boxes, shares=True)
