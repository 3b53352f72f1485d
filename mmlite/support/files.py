"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mmlite.errors import ConfigError, DataError, RunError, did_you_mean

# no room on the disk, none in the quota, and beyond the size limit of a file
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskFullError(RunError):
    """A file could not be written for want of room; the message names it."""


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file for writing so that `path` holds the old content or all of the new one.

    It is written under another name, flushed to the disk and then renamed. Whatever goes wrong
    in between, the process killed or the machine without power, leaves `path` as it was.

    Raises:
        DiskFullError: there is no room for it.
        ConfigError: a folder is in its place, or there is no permission.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f'{path} is a folder, and a file is to be written there: move it away')
    temporary = path.with_name(f'{temporary_prefix(path)}{os.getpid()}')
    try:
        with refusing_full_disk(path), _opened(temporary, path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _opened(temporary: Path, path: Path) -> BinaryIO:
    try:
        return open(temporary, 'wb')
    except PermissionError as error:
        raise ConfigError(
            f'{path} cannot be written: {error.strerror} in the folder {path.parent}'
        ) from error


def read_text(path: Path) -> str:
    """Reads a UTF-8 file, with or without a mark at its beginning.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        return path.read_text('utf-8-sig')
    except (OSError, ValueError) as error:
        raise DataError(f'{path}: cannot be read as text: {error}') from None


def write_text(path: str | Path, text: str) -> None:
    """Writes a UTF-8 file, whole or not at all.

    Raises:
        DiskFullError: there is no room for it.
    """
    with whole_file(path) as file:
        file.write(text.encode())


def near_files(path: Path, pattern: str = '*') -> str:
    """Returns ` Did you mean 'a.py'?` of the files beside one that is missing, or ''."""
    names = [file.name for file in path.parent.glob(pattern)] if path.parent.is_dir() else []
    return did_you_mean(path.name, names)


def make_folder(path: str | Path) -> Path:
    """Makes a folder, and those above it, where they are missing; returns it.

    Raises:
        ConfigError: a file is in the way, or there is no permission.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'{path}: no folder can be made there: {error.strerror}') from error
    if not os.access(path, os.W_OK):
        raise ConfigError(f'{path}: nothing can be written there')
    return Path(path)


def temporary_prefix(path: Path) -> str:
    """What the name of an unfinished file begins with; the process's number follows."""
    return f'.{path.name}.unfinished.'


def remove_unfinished(folder: str | Path) -> None:
    """Removes what killed processes left of files that they were writing in this folder."""
    for left in Path(folder).glob('.*.unfinished.*'):
        left.unlink(missing_ok=True)


@contextlib.contextmanager
def refusing_full_disk(path: str | Path | None = None) -> Iterator[None]:
    """Turns the error of a disk without room into a DiskFullError that names the file."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        full = disk_full_error(error, path)
        if full is None:
            raise
        raise full from error


def disk_full_error(error: BaseException, path: str | Path | None = None) -> DiskFullError | None:
    """Returns the error to raise where `error` comes from a disk without room, else None."""
    # torch's writer wraps the OSError
    cause = error if isinstance(error, OSError) else error.__context__
    if isinstance(error, DiskFullError) or getattr(cause, 'errno', None) not in _FULL:
        return None
    return DiskFullError(
        f'{path or cause.filename or "a file"} cannot be written: {cause.strerror}. What is '
        'there already, checkpoints above all, is whole'
    )


def _flush_folder(folder: Path) -> None:
    """Without it a crash of the machine could undo the renaming."""
    if os.name == 'nt':  # Windows opens no folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
