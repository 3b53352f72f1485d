"""What mmlite keeps on the disk for later runs: where, how much; and its removal.

Only what mmlite made is removed: files and folders of the names that it gives, whose content has
its mark. A link is never followed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmlite.support.cache import NOTE, cache_dir, fetched, forget_fetched

_ANNOTATIONS = re.compile(r'\.?annotations-[0-9a-f]{24}\.npz(\.unfinished\.\d+)?')
_DEMO = re.compile(r'demo-[0-9a-f]{12}(\.[0-9a-f]{8}\.(draft|old))?')


class Entry(NamedTuple):
    """A file or folder that is removed as a whole.

    Args:
        path: of it.
        files: how many there are in it.
        size: of all of them, in bytes.
        used: when it was last used, in seconds as of time.time().
    """

    path: Path
    files: int
    size: int
    used: float


@dataclass(frozen=True)
class Cache:
    """One kind of what is kept.

    Args:
        name: by which the command line calls it.
        what: is kept there.
        place: the folder.
        entries: what there is of it.
    """

    name: str
    what: str
    place: Path
    entries: tuple[Entry, ...]

    @property
    def files(self) -> int:
        return sum(entry.files for entry in self.entries)

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    @property
    def used(self) -> float | None:
        """When any of it was last used; None of an empty one."""
        return max((entry.used for entry in self.entries), default=None)


def find_caches(names: Sequence[str] = ()) -> list[Cache]:
    """Returns the caches of these names, or all."""
    return [
        Cache(name, what, place(), tuple(_entry(path) for path in find()))
        for name, (what, place, find) in _KINDS.items()
        if not names or name in names
    ]


def clear(cache: Cache, older_than: float = 0) -> Cache:
    """Removes what was not used for some days, and returns it.

    Args:
        cache: from `find_caches`.
        older_than: days.
    """
    limit = time.time() - 86400 * older_than
    old = tuple(entry for entry in cache.entries if entry.used <= limit)
    for entry in old:
        if entry.path.is_dir():
            shutil.rmtree(entry.path)  # removes links in it, and not what they lead to
        else:
            entry.path.unlink(missing_ok=True)
    forget_fetched()
    return Cache(cache.name, cache.what, cache.place, old)


def others_in(folder: Path) -> Entry | None:
    """What lies in the folder of a cache and is not mmlite's; None if there is nothing."""
    own = {entry.path for cache in find_caches() for entry in cache.entries}
    others = [path for path in _listed(folder) if path not in own and path.name != NOTE]
    parts = [_entry(path) for path in others]
    if not parts:
        return None
    files, size = sum(part.files for part in parts), sum(part.size for part in parts)
    return Entry(folder, files, size, max(part.used for part in parts))


def weights_dir() -> Path:
    """Returns the folder that torch fetches weights into, as mmlite and others do."""
    import torch

    return Path(torch.hub.get_dir()) / 'checkpoints'


def _annotations() -> Iterator[Path]:
    for path in _listed(cache_dir()):
        if _ANNOTATIONS.fullmatch(path.name) and path.is_file():
            yield path


def _demo() -> Iterator[Path]:
    for path in _listed(cache_dir()):
        if _DEMO.fullmatch(path.name) and path.is_dir() and _is_demo_set(path):
            yield path


def _is_demo_set(folder: Path) -> bool:
    try:
        return 'drawing_version' in json.loads((folder / 'demo.json').read_text('utf-8'))
    except (OSError, ValueError, TypeError):
        return False


def _listed(folder: Path) -> list[Path]:
    """What a folder holds but links; nothing where it is not there."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if not path.is_symlink()]


def _entry(path: Path) -> Entry:
    if path.is_file():
        stats = [path.stat()]
    else:
        found = (Path(place, name) for place, _, names in os.walk(path) for name in names)
        stats = [file.lstat() for file in found]
    used = max((time for stat in [path.stat(), *stats[:1]] for time in _times(stat)), default=0)
    return Entry(path, len(stats), sum(stat.st_size for stat in stats), used)


def _times(stat: os.stat_result) -> tuple[float, float]:
    return stat.st_atime, stat.st_mtime


_KINDS: dict[str, tuple[str, Callable[[], Path], Callable[[], Iterator[Path]]]] = {
    'annotations': ('what was read of annotation files and images', cache_dir, _annotations),
    'demo': ('the drawn images of --demo-data', cache_dir, _demo),
    'weights': ('weights that mmlite has fetched', weights_dir, fetched),
}
NAMES = tuple(_KINDS)
