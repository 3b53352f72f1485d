"""What a work dir holds, how large it is, and what of it nothing needs any more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mmlite.checkpoints.file import last_checkpoint
from mmlite.errors import DataError

_NUMBERED = re.compile(r'(epoch|iter)_\d+\.pth')
_MAX_KEEP = 'default_hooks.checkpoint.max_keep_ckpts'


class WorkDirPart(NamedTuple):
    """A part of a work dir.

    Args:
        what: it is, and what it is good for.
        paths: the files, or whole folders.
        size: in bytes.
        is_needed: by a tool; else it may be deleted.
    """

    what: str
    paths: list[Path]
    size: int
    is_needed: bool


def parts_of(work_dir: str | Path) -> list[WorkDirPart]:
    """Returns the parts of a work dir, those that may be deleted last.

    Raises:
        DataError: it is no folder that a run has written.
    """
    folder = Path(work_dir)
    if not folder.is_dir():
        raise DataError(f'{folder}: there is no such folder')
    if last_checkpoint(folder) is None and not _runs(folder):
        raise DataError(
            f'{folder}: no run has written it: it has neither last_checkpoint nor RUN/vis_data'
        )
    return _parts(folder)


def _runs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob('*/vis_data') if path.is_dir())


def _parts(folder: Path) -> list[WorkDirPart]:
    last, runs = last_checkpoint(folder), _runs(folder)
    best, newest, older = _checkpoints(folder, last)
    boxes = [path for path in [folder / 'black_box'] if path.is_dir()]
    named = {*best, *newest, *older, *runs, *boxes}
    others = [path for path in sorted(folder.iterdir()) if path not in named]
    found = [
        WorkDirPart('the last checkpoint: --resume and predict use it', newest, 0, True),
        WorkDirPart('the weights of the best validation', best, 0, True),
        WorkDirPart('logs, curves, results: report and compare read them', runs, 0, True),
        WorkDirPart('other files', others, 0, True),
        WorkDirPart('older checkpoints: only to go back to them', older, 0, False),
        WorkDirPart('steps with a NaN: replay reads them', boxes, 0, False),
    ]
    sized = [part._replace(size=sum(map(size_of, part.paths))) for part in found]
    return [part for part in sized if part.paths]


def summary(work_dir: str | Path) -> str:
    """Says in a line how large a work dir is, and what of it nothing needs."""
    try:
        parts = _parts(Path(work_dir))
    except OSError as error:  # a file that vanished meanwhile: no reason for a training to fail
        return f'{work_dir}: its size is not known: {error.strerror}'
    text = f'{work_dir}: {as_text(sum(part.size for part in parts))}'
    needless = [part for part in parts if not part.is_needed]
    for part in needless:
        names = names_of(part.paths)
        text += f'; {as_text(part.size)} of it may be deleted: {names} ({part.what})'
    if any(part.what.startswith('older') for part in needless):
        text += f'. {_MAX_KEEP}=1 keeps only the last'
    return text


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; links count for nothing."""
    if path.is_symlink():
        return 0
    if path.is_file():
        return path.stat().st_size
    return sum(file.lstat().st_size for file in _files_in(path))


def as_text(size: float) -> str:
    """A number of bytes in MB of 10^6 bytes or in kB: '488 MB', '0.3 MB', '12 kB'."""
    if size < 99_500:
        return f'{size / 1e3:.0f} kB'
    return f'{size / 1e6:.0f} MB' if size >= 9.95e6 else f'{size / 1e6:.1f} MB'


def names_of(paths: Sequence[Path], most: int = 5) -> str:
    """The names of files, with a number in the place of those beyond `most`."""
    more = f' and {len(paths) - most} more' if len(paths) > most else ''
    return ', '.join(path.name for path in paths[:most]) + more


def _checkpoints(folder: Path, last: str | None) -> tuple[list[Path], list[Path], list[Path]]:
    """The best, the last and the older ones, which `out_dir` may have put elsewhere."""
    newest = [Path(last)] if last is not None and Path(last).is_file() else []
    places = dict.fromkeys([folder, *(path.parent for path in newest)])
    files = {
        path.resolve(): path for place in places for path in sorted(place.glob('*.pth'))
    }  # one for each file
    is_newest = {path.resolve() for path in newest}
    best = [path for path in files.values() if path.name.startswith('best_')]
    older = [
        path
        for real, path in files.items()
        if _NUMBERED.fullmatch(path.name) and real not in is_newest
    ]
    return best, newest, older


def _files_in(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)
