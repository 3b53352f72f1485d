"""Files and values of annotations, checked: what is wrong is said with its place."""

from __future__ import annotations

import csv
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmlite.datasets.annotations import HUGE
from mmlite.datasets.values import number_of
from mmlite.errors import DataError
from mmlite.support import files

Corners = tuple[float, float, float, float]
_KINDS = {dict: 'an object', list: 'a list', str: 'a text'}
MAX_BYTES = 4 * 2**30  # of an annotation file; it is held in memory as a whole


def load_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            f'{path}:{error.lineno}: not well-formed JSON: {error.msg} (column {error.colno})'
        ) from None
    except (ValueError, RecursionError) as error:  # a number without end, lists without end
        raise DataError(f'{path}: cannot be read as JSON: {error}') from None


def load_table(path: Path) -> list[dict[str, str]]:
    """Reads a CSV file with a header; a row that is too short has '' in its last columns.

    Raises:
        DataError: it cannot be read.
    """
    lines = read_text(path).splitlines()
    try:
        rows = list(csv.DictReader(lines, restval='', skipinitialspace=True))
    except (ValueError, csv.Error) as error:
        raise DataError(f'{path}: cannot be read as a table: {error}') from None
    return [{str(key).strip(): value for key, value in row.items()} for row in rows]


def read_text(path: Path) -> str:
    """Reads a UTF-8 file.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise DataError(f'{path}: larger than {MAX_BYTES >> 30} GiB, and no more is read')
    return files.read_text(path)


def starts_like(path: Path, size: int = 4096) -> str:
    """Returns the beginning of a file as text, '' where it cannot be read."""
    try:
        with path.open('rb') as file:
            return file.read(size).decode('utf-8-sig', errors='replace')
    except OSError:
        return ''


def get(entry: Any, key: str, kind: type, at: str, default: Any = None) -> Any:
    """Returns entry[key]; the default where it is missing or null and a default is given.

    Raises:
        DataError: the entry is no object, lacks the key or has another kind of value there.
    """
    if not isinstance(entry, dict):
        raise DataError(f'{at}: an object is expected, found {entry!r:.100}')
    value = entry.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        raise DataError(f"{at}: '{key}' is to be {_KINDS[kind]}, found {value!r:.100}")
    return value


def name_of(value: Any, at: str) -> str:
    """Returns the name of a class; a number becomes its text.

    Raises:
        DataError: it is not a name, or empty.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f'{at}: the name of a class is expected, found {value!r:.100}')
    if not is_plain(value):
        raise DataError(f'{at}: the class {value!r:.100} has signs that no file of texts can hold')
    return value.strip()


def is_plain(text: str) -> bool:
    """Whether a text has no control characters, and can be written as UTF-8."""
    return all(unicodedata.category(sign) not in ('Cc', 'Cs') for sign in text)


def numbers(values: Any, count: int | None, at: str) -> list[float]:
    """Returns finite numbers, also those written as texts.

    Args:
        count: how many there are to be; None for any even number from 2 up.

    Raises:
        DataError: they are something else, or too large for pixels.
    """
    found = [number_of(value) for value in values] if isinstance(values, (list, tuple)) else []
    right = len(found) == count if count is not None else len(found) > 1 and len(found) % 2 == 0
    if not right or any(number is None or abs(number) >= HUGE for number in found):
        what = f'{count} numbers are' if count is not None else 'x, y, x, y, ... is'
        raise DataError(f'{at}: {what} expected, found {values!r:.100}')
    return found


def keyed_numbers(entry: Any, keys: Sequence[str], at: str) -> list[float]:
    """Returns the numbers under these keys.

    Raises:
        DataError: one is missing or no number.
    """
    if not isinstance(entry, dict):
        raise DataError(f'{at}: an object with {", ".join(keys)} is expected, found {entry!r:.100}')
    return numbers([entry.get(key) for key in keys], len(keys), f'{at}: {", ".join(keys)}')


def size_of(width: Any, height: Any) -> tuple[int, int]:
    """Returns (w, h) as written in pixels; (0, 0) where that is no size."""
    sides = number_of(width), number_of(height)
    if any(side is None or not 1 <= side < HUGE for side in sides):
        return 0, 0
    return int(sides[0]), int(sides[1])


def around(values: Any, at: str) -> Corners:
    """Returns the box around points: [x, y, x, y, ...] or [[x, y], ...].

    Raises:
        DataError: they are something else.
    """
    if isinstance(values, (list, tuple)) and values and isinstance(values[0], (list, tuple)):
        pairs = [numbers(pair, 2, at) for pair in values]
        values = [number for pair in pairs for number in pair]
    flat = numbers(values, None, at)
    return min(flat[::2]), min(flat[1::2]), max(flat[::2]), max(flat[1::2])


def from_xywh(x: float, y: float, width: float, height: float) -> Corners:
    """Returns the corners of a box given by its upper left corner and its sides."""
    return x, y, x + width, y + height
