"""Where in an epoch a sample is made: for transforms that look at the samples before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple


class SeededIndex(int):
    """The index of a sample, with the seed of its randomness. An int to those who do not know."""

    seed: int

    def __new__(cls, index: int, seed: int) -> SeededIndex:
        self = super().__new__(cls, index)
        self.seed = seed
        return self

    def __getnewargs__(self) -> tuple[int, int]:  # workers get it pickled
        return int(self), self.seed


class Place(NamedTuple):
    """The place of a sample.

    Args:
        dataset: the data set, or outermost wrapper, that the indices are of.
        positions: of the samples before it that this process makes, the oldest first, as many as a
            transform may ask for; and, as the last, its own.
    """

    dataset: Any
    positions: Sequence[SeededIndex]


_place: ContextVar[Place | None] = ContextVar('place', default=None)


def current_place() -> Place | None:
    """Returns the place of the sample that is being made; None where no loader asks for it."""
    return _place.get()


@contextmanager
def at_place(place: Place) -> Iterator[None]:
    """Says where in the epoch the samples are that are made in this block."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)
