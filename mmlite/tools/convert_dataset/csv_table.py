"""A table `filename,xmin,ymin,xmax,ymax,class`, read by `CsvDataset`."""

from __future__ import annotations

from pathlib import Path

from mmlite.datasets import CsvDataset
from mmlite.datasets.csv_table import COLUMNS, SIZE_COLUMNS, form_of, table_form, table_rows
from mmlite.tools.convert_dataset.content import starts_like
from mmlite.tools.convert_dataset.files import folder_of, the_one
from mmlite.tools.convert_dataset.own_datasets import ALL, dataset_records
from mmlite.tools.convert_dataset.source import ATTRIBUTES, Records, Source

LOOKS_FOR = f'a CSV table with the columns {", ".join(COLUMNS)}'


def finds(source: Source) -> bool:
    return bool(tables_of(source))


def tables_of(source: Source) -> list[Path]:
    """Returns the files with the columns of CsvDataset."""
    return [path for path in source.ending_in('.csv') if set(COLUMNS) <= set(_columns(path))]


def _columns(path: Path) -> list[str]:
    return form_of((starts_like(path).splitlines() or [''])[0]).columns


def records(source: Source) -> Records:
    """Reads one table; images are looked for in its folder, in images there, or in --images."""
    path = the_one(tables_of(source) or source.ending_in('.csv'), source.path)
    rows = [row for _, row in table_rows(str(path), table_form(str(path)))]
    first = rows[0].get('filename') if rows else None
    found = source.pictures.find(first) if first else None
    folder = source.images or folder_of(found, first or '', path.parent)
    dataset = CsvDataset(
        ann_file=str(path.resolve()),
        data_root=str(source.root),
        data_prefix=dict(img=str(folder.resolve())),
        **ALL,
    )
    others = set(rows[0]) - {*COLUMNS, *SIZE_COLUMNS} if rows else ()
    source.lose(ATTRIBUTES, sum(bool(row.get(column)) for row in rows for column in others))
    return dataset_records(source, dataset, 'difficult')
