"""Why a file that may hold annotations is of no layout that `init` reads."""

from __future__ import annotations

from pathlib import Path

from mmlite.datasets.csv_table import read_table
from mmlite.errors import DataError
from mmlite.support.words import counted
from mmlite.tools.convert_dataset.coco import is_coco
from mmlite.tools.convert_dataset.source import Source
from mmlite.tools.init.layouts.layout import relative

_ENDINGS = ('.json', '.csv', '.xml', '.txt')  # in the order in which they are likely to be meant


def unread_files(source: Source) -> str:
    """Returns a sentence about the first such file, and the number of the others; '' for none."""
    for ending in _ENDINGS:
        files = source.ending_in(ending)
        files = [file for file in files if not file.stem.lower().startswith('readme')]
        if files:
            more = counted(len(files) - 1, f'more {ending} file')
            others = f' ({more} beside it)' if len(files) > 1 else ''
            return f'{relative(files[0], source)}{others}: {_why(source, files[0])}'
    return ''


def _why(source: Source, file: Path) -> str:
    if not file.stat().st_size:
        return 'the file is empty'
    if file.suffix.lower() == '.xml':
        return 'it does not begin with <annotation>, as files of VOC do'
    if file.suffix.lower() == '.txt':
        return "it has no row 'class x y w h' of YOLO, or no picture has its name"
    try:
        if file.suffix.lower() == '.csv':
            read_table(str(file))
            return 'no picture belongs to it'
        content = source.json(file)
    except DataError as error:
        return str(error).removeprefix(str(file)).lstrip(':')
    if is_coco(content):
        return 'a file of COCO without objects'
    found = ', '.join(list(content)[:6]) if isinstance(content, dict) else type(content).__name__
    return f"no file of COCO: 'images', 'annotations' and 'categories' expected, found: {found}"
