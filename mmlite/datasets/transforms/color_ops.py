"""Pure functions on the colours of a picture (h, w, 3) BGR, 0-255; the dtype stays.

As in Pillow and mmcv; none changes its argument.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13  # Pillow's


def colorfulness(img: np.ndarray, factor: float) -> np.ndarray:
    """Returns img * factor + grey * (1 - factor)."""
    grey = cv2.cvtColor(cv2.cvtColor(img, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return _mixed(img, grey, factor, in_float=False)


def brightness(img: np.ndarray, factor: float) -> np.ndarray:
    """Returns img * factor."""
    return _mixed(img, np.zeros_like(img), factor)


def contrast(img: np.ndarray, factor: float) -> np.ndarray:
    """Returns img * factor + the mean grey * (1 - factor)."""
    mean = round(float(cv2.cvtColor(img, cv2.COLOR_BGR2GRAY).mean()))
    return _mixed(img, np.full_like(img, mean), factor)


def sharpness(img: np.ndarray, factor: float) -> np.ndarray:
    """Returns img * factor + the smoothed picture * (1 - factor)."""
    return _mixed(img, cv2.filter2D(img, -1, _SMOOTH), factor)


def _mixed(img: np.ndarray, other: np.ndarray, factor: float, in_float: bool = True) -> np.ndarray:
    """Held to 0-255; a uint8 picture is cut to whole numbers, or rounded without `in_float`."""
    pair = (img.astype(np.float32), other.astype(np.float32)) if in_float else (img, other)
    return np.clip(cv2.addWeighted(pair[0], factor, pair[1], 1 - factor, 0), 0, 255).astype(
        img.dtype
    )


def inverted(img: np.ndarray, _: float = 0) -> np.ndarray:
    """Returns 255 - img."""
    return 255 - img


def solarized(img: np.ndarray, threshold: float) -> np.ndarray:
    """Returns the picture with values from `threshold` on inverted."""
    return np.where(img < threshold, img, 255 - img)


def dark_raised(img: np.ndarray, number: float) -> np.ndarray:
    """Returns the picture with a number added to values below 128, up to 255."""
    return np.where(img < 128, np.minimum(img + number, 255), img).astype(img.dtype)


def posterized(img: np.ndarray, bits: float) -> np.ndarray:
    """Returns a uint8 picture with the upper `bits` of each value, a number that is rounded up."""
    return img & np.uint8(0xFF & (0xFF << (8 - math.ceil(bits))))


def equalized(img: np.ndarray, _: float = 0) -> np.ndarray:
    """Returns a uint8 picture whose channels have even histograms, as far as whole numbers can."""
    return _by_table(img, _equalizing)


def stretched(img: np.ndarray, _: float = 0) -> np.ndarray:
    """Returns a uint8 picture whose channels reach from 0 to 255."""
    return _by_table(img, _stretching)


def _by_table(img: np.ndarray, table_of: object) -> np.ndarray:
    tables = [table_of(np.bincount(img[..., c].ravel(), minlength=256)) for c in range(3)]
    return cv2.LUT(np.ascontiguousarray(img), np.stack(tables, axis=-1)[None])


def _equalizing(histogram: np.ndarray) -> np.ndarray:
    """The new value (256,) uint8 of each value, of a channel with this histogram (256,)."""
    used = histogram[histogram > 0]
    step = (used.sum() - used[-1]) // 255
    if step == 0:
        return np.arange(256, dtype=np.uint8)
    shifted = (np.cumsum(histogram) - histogram + step // 2) // step
    shifted[0] = 0
    return np.minimum(shifted, 255).astype(np.uint8)


def _stretching(histogram: np.ndarray) -> np.ndarray:
    """The new value (256,) uint8 of each value, of a channel with this histogram (256,)."""
    used = np.flatnonzero(histogram)
    low, high = used[0], used[-1]
    if low == high:
        return np.arange(256, dtype=np.uint8)
    scale = 255.0 / (high - low)
    return np.clip(np.arange(256) * scale - low * scale, 0, 255).astype(np.uint8)
