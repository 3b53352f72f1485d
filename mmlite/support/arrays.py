"""Rows to take: runs of a flat array, in which each image has its own, and an even spread."""

from __future__ import annotations

import numpy as np


def runs(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns starts[0], starts[0] + 1, ... for `lengths[0]` numbers, then the next run's."""
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def evenly_spread(size: int, most: int) -> np.ndarray:
    """Returns at most `most` of the indices 0 .. size - 1, from the first on to the last."""
    return np.linspace(0, size - 1, min(most, size)).astype(int)
