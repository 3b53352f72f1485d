"""YOLOXHSVRandomAug: other colours, by hue, saturation and brightness."""

from __future__ import annotations

from functools import partial
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.transforms.geometry import recolor_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

_LEVELS = np.arange(256)
_HUES = 180  # OpenCV's, of 8 bits: two degrees each


@TRANSFORMS.register_module()
class YOLOXHSVRandomAug:
    """Adds a number to hue, saturation and value, each with probability 1/2 (YOLOX's recipe).

    Args:
        hue_delta: greatest number, in OpenCV's hues of two degrees.
        saturation_delta, value_delta: greatest number, of 255.

    Raises:
        ConfigError: when called: the picture is not uint8.
    """

    takes_window = True

    def __init__(
        self, hue_delta: float = 5, saturation_delta: float = 30, value_delta: float = 30
    ) -> None:
        self.deltas = (hue_delta, saturation_delta, value_delta)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        gains = self.draw()
        if any(gains):
            results['img'] = recolor_image(results['img'], partial(add_to_hsv, gains=gains))
        return results

    def draw(self) -> tuple[int, ...]:
        """Returns what is added to hue, saturation and value: whole numbers, cut towards 0."""
        gains = np.random.uniform(-1, 1, 3) * self.deltas * np.random.randint(0, 2, 3)
        return tuple(gains.astype(np.int16).tolist())


def add_to_hsv(img: np.ndarray, gains: tuple[int, ...]) -> np.ndarray:
    """Returns a BGR uint8 picture with numbers added to its hue (0-179), saturation and value."""
    if img.dtype != np.uint8:
        raise ConfigError(
            f'YOLOXHSVRandomAug: a picture of uint8 is expected, found {img.dtype}: leave '
            'to_float32=True out of LoadImageFromFile'
        )
    hue, saturation, value = gains
    table = np.empty((1, 256, 3), np.uint8)  # one row of 256 levels, a column for each channel
    table[0, :, 0] = (_LEVELS + hue) % _HUES
    table[0, :, 1] = np.clip(_LEVELS + saturation, 0, 255)
    table[0, :, 2] = np.clip(_LEVELS + value, 0, 255)
    hsv = cv2.LUT(cv2.cvtColor(img, cv2.COLOR_BGR2HSV), table)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
