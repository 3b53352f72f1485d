"""What KITTI, VisDrone and DOTA have in common: a text file for each image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from mmlite.datasets.annotation_files import Box
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import read_text, starts_like
from mmlite.tools.convert_dataset.source import Picture, Source

ParseRow = Callable[[Source, str, str], Box | None]


def first_rows(source: Source, count: int = 20) -> Iterator[str]:
    """Yields the first row of some text files that have one."""
    rows = (starts_like(path).strip().splitlines() for path in source.ending_in('.txt'))
    yield from [lines[0] for lines in rows if lines][:count]


def text_pictures(
    source: Source, parse_row: ParseRow, is_header: Callable[[str], bool] = lambda row: False
) -> Iterator[Picture]:
    """Yields an image for each text file; images without one are counted.

    Raises:
        DataError: a row cannot be used; names file and line.
    """

    def read(path: Path) -> Picture:
        rows = enumerate(read_text(path).splitlines(), 1)
        boxes = [
            parse_row(source, row, f'{path}:{number}')
            for number, row in rows
            if row.strip() and not is_header(row)
        ]
        return Picture(path.stem, [box for box in boxes if box])

    files = source.ending_in('.txt')
    if not files:
        raise DataError(f'{source.path}: no text file in it')
    if source.path.is_dir():
        without = 'images without a text file, left out'
        source.lose(without, max(source.pictures.count - len(files), 0))
    return source.each(read, files)
