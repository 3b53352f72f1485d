"""Where mmlite keeps what it would otherwise read, draw or fetch again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

NOTE = 'weights.txt'  # a line for each file that was fetched: its size, a tab, its path


def cache_dir() -> Path:
    """Returns the folder of the user's cache: $MMLITE_CACHE or ~/.cache/mmlite."""
    return Path(os.environ.get('MMLITE_CACHE') or '~/.cache/mmlite').expanduser()


def mark_used(path: Path) -> None:
    """Sets the time of the last use; file systems often do not keep it."""
    with contextlib.suppress(OSError):  # not ours to write
        os.utime(path)


def note_fetched(path: Path) -> None:
    """Notes a file of weights that mmlite has fetched: other programs share its folder."""
    with contextlib.suppress(OSError):  # the file only stays where the cache is emptied
        note = cache_dir() / NOTE
        note.parent.mkdir(parents=True, exist_ok=True)
        with note.open('a', encoding='utf-8') as file:
            file.write(f'{path.stat().st_size}\t{path.absolute()}\n')


def fetched() -> Iterator[Path]:
    """Yields the files that `note_fetched` noted and that are there, with the size they had."""
    try:
        lines = (cache_dir() / NOTE).read_text(encoding='utf-8').splitlines()
    except (OSError, ValueError):
        return
    for line in dict.fromkeys(lines):
        size, _, name = line.partition('\t')
        path = Path(name)
        if path.is_file() and not path.is_symlink() and str(path.stat().st_size) == size:
            yield path


def forget_fetched() -> None:
    """Notes only those that are still there; one that is fetched again may be another program's."""
    kept = [f'{path.stat().st_size}\t{path}\n' for path in fetched()]
    with contextlib.suppress(OSError):
        if (cache_dir() / NOTE).is_file():
            (cache_dir() / NOTE).write_text(''.join(kept), encoding='utf-8')
