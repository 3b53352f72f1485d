"""ImageCache: images kept in memory, up to a limit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

import numpy as np


class _Sized(Protocol):
    nbytes: int


T = TypeVar('T', bound=_Sized)


class ImageCache(Generic[T]):
    """Keeps what was made until it is full, and from then on what it has.

    Nothing is thrown out: each image comes once in an epoch, so that the one used longest ago, the
    victim of an LRU cache, is as likely to be next as any other. It lives in one process: each
    worker of a loader fills its own, and keeps it over epochs with `persistent_workers=True`.

    Args:
        limit: bytes that it may hold; 0 keeps nothing.
    """

    def __init__(self, limit: float) -> None:
        self.room = limit
        self._kept: dict[Hashable, T] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Returns what is kept under `key`, or makes it. An array that is kept is read-only."""
        if key in self._kept:
            return self._kept[key]
        made = make()
        if made.nbytes <= self.room:
            if isinstance(made, np.ndarray):
                made.flags.writeable = False  # all who ask get the same one
            self._kept[key] = made
            self.room -= made.nbytes
        return made
