"""What annotation files write in several ways: truth values, numbers, shares of the image."""

from __future__ import annotations

from typing import Any

import numpy as np

_TRUE, _FALSE = ('true', 'yes'), ('', 'false', 'no', 'none')
SHARES_ADVICE = (
    'they are shares of the image, and pixels are expected: multiply x and width by the width of '
    'the image, y and height by its height'
)


def truth_value(value: Any) -> bool | None:
    """Returns the value of a flag, such as 0, 1.0, true, "0" or "False"; None for any other value.

    A missing flag (None or '') is no.
    """
    if value is None:
        return False
    if isinstance(value, int):  # nearly all are, and a file has a million of them
        return value != 0
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    number = number_of(value)
    return None if number is None else number != 0


def number_of(value: Any) -> float | None:
    """Returns a finite number, also one that is written as a text; None for anything else."""
    if not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None


def are_shares(bboxes: np.ndarray) -> np.ndarray:
    """Returns (g,) bool: four numbers (g, 4) from 0 to 1, not all of them whole.

    No box in pixels is like that: it would be less than a pixel large.
    """
    bboxes = np.asarray(bboxes, np.float64).reshape(-1, 4)
    return ((bboxes >= 0) & (bboxes <= 1)).all(axis=1) & (bboxes % 1 != 0).any(axis=1)
