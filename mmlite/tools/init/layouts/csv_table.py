"""Tables with a row for each object, as `CsvDataset` reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlite.datasets.csv_table import read_table
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.csv_table import tables_of
from mmlite.tools.convert_dataset.files import folder_of
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.init.layouts.layout import Layout, largest_of_parts, relative


def find(source: Source) -> Layout | None:
    """Finds the tables, and the folder of their images."""
    names, counts = {}, {}
    for path in tables_of(source):
        rows = read_table(str(path))
        names[path] = next(iter(rows))
        counts[path] = sum(map(len, rows.values()))
    if not counts:
        return None
    chosen, notes = largest_of_parts(counts, source, 'another table')
    parts = {part: _arguments(source, path, names[path]) for part, path in chosen.items()}
    where = ', '.join(relative(path, source) for path in chosen.values())
    annotated = sum(counts[path] for path in chosen.values())
    return Layout('csv', f'a table of objects in {where}', parts, annotated, notes)


def _arguments(source: Source, path: Path, first: str) -> dict[str, Any]:
    found = source.pictures.find(first, path.parent)
    if found is None:
        raise DataError(f"{path}: its first picture, '{first}', is not in {source.path}")
    folder = relative(folder_of(found, first, path.parent), source)
    prefix = {} if folder == '.' else dict(data_prefix=dict(img=folder))
    return dict(type='CsvDataset', ann_file=relative(path, source), **prefix)
