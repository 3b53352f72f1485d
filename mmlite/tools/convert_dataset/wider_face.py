"""WIDER FACE: one text file; a path, the number of faces, and a row for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import from_xywh, numbers, read_text, starts_like
from mmlite.tools.convert_dataset.files import the_one
from mmlite.tools.convert_dataset.source import ATTRIBUTES, Picture, Records, Source

LOOKS_FOR = 'a text file with the path of an image, then a number, then `x y w h ...` rows'
CLASS = 'face'
_INVALID = 7  # the column that marks a face nobody has to find
_COLUMNS = 10
_PLAIN = ('0', '-', 'False')


def finds(source: Source) -> bool:
    return bool(_files(source))


def _files(source: Source) -> list[Path]:
    return [path for path in source.ending_in('.txt') if _looks_right(path)]


def _looks_right(path: Path) -> bool:
    lines = starts_like(path).splitlines()
    return len(lines) > 2 and _is_path(lines[0]) and lines[1].strip().isdecimal()


def _is_path(line: str) -> bool:
    return line.strip().lower().endswith(IMAGE_ENDINGS)


def records(source: Source) -> Records:
    """Reads one file; a face marked invalid is difficult."""
    path = the_one(_files(source) or source.ending_in('.txt'), source.path)
    return Records(source.each(lambda block: _picture(source, *block), _blocks(path)))


def _blocks(path: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yields the place, name and rows of each image."""
    lines = read_text(path).splitlines()
    place = 0
    while place < len(lines):
        name, at = lines[place].strip(), f'{path}:{place + 1}'
        count = lines[place + 1].strip() if place + 1 < len(lines) else '0'
        place += 2
        if _is_path(name) and _is_path(count):  # datumaro writes no count of 0
            place, count = place - 1, '0'
        if not _is_path(name) or not count.isdecimal():
            raise DataError(
                f'{at}: the path of an image and the number of its faces in the next line are '
                f'expected, found {name!r:.80} and {count!r:.20}'
            )
        faces = lines[place : place + _whole(count, len(lines), at)]
        if len(faces) < int(count):
            raise DataError(f'{at}: {count} rows are expected, found {len(faces)}')
        yield at, name, faces
        place += len(faces)
        if not faces and place < len(lines) and not _is_path(lines[place]):
            place += 1  # an image without faces has a row of zeros


def _whole(count: str, most: int, at: str) -> int:
    if len(count) > 9 or int(count) > most:
        raise DataError(f'{at}: {count:.20} faces, but the file has {most} lines')
    return int(count)


def _picture(source: Source, at: str, name: str, rows: list[str]) -> Picture:
    boxes = []
    for row in rows:
        words = row.split()
        x, y, width, height = numbers(words[:4], 4, f'{at}: {row!r:.80}')
        difficult = len(words) > _INVALID and words[_INVALID] == '1'
        name_of_class = ' '.join(words[_COLUMNS:]) or CLASS  # datumaro's own column
        boxes.append(Box(name_of_class, from_xywh(x, y, width, height), difficult=difficult))
        source.lose(ATTRIBUTES, sum(word not in _PLAIN for word in words[4:_COLUMNS]) - difficult)
    return Picture(name, boxes)
