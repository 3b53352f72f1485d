"""Which file of a source is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mmlite.errors import DataError
from mmlite.tools.convert_dataset.source import Source


def one_json(source: Source, is_it: Callable[[Any], bool]) -> tuple[Path, Any]:
    """Returns the one JSON file of the source that is of a form, and its content.

    Raises:
        DataError: none is, or several are.
    """
    files = source.ending_in('.json')
    if len(files) == 1:
        return files[0], source.json(files[0])
    path = the_one([path for path in files if is_it(source.json(path))], source.path)
    return path, source.json(path)


def the_one(found: Sequence[Path], where: Path) -> Path:
    """Returns the only path.

    Raises:
        DataError: there is none, or more than one.
    """
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(f'{where}: no file of this form')
    shown = ', '.join(map(str, found[:4])) + (', ...' if found[4:] else '')
    raise DataError(f'{where}: {len(found)} files of this form: give one of them: {shown}')


def folder_of(found: Path | None, name: str, otherwise: Path) -> Path:
    """Returns the folder that a written name starts from, by the file that was found for it.

    `otherwise` where none was found, or it lies in other folders than the name says.
    """
    words = PurePosixPath(name.replace('\\', '/')).parts
    if found is None or found.parts[-len(words) :] != words:
        return otherwise
    return found.parents[len(words) - 1]
