"""PhotoMetricDistortion: SSD's random brightness, contrast, saturation, hue and channel order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.transforms.geometry import recolor_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


def distort_colors(
    img: np.ndarray,
    brightness: float = 0.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue: float = 0.0,
    channels: Sequence[int] = (0, 1, 2),
) -> np.ndarray:
    """Returns the picture with other colours, in float32 arithmetic; the input is not changed.

    `distort_colors_uint8` is what the pipeline does to uint8 pictures; this says what it means.

    Args:
        img: (h, w, 3) BGR, uint8 or float32, 0-255.
        brightness: added to every value.
        contrast: every value is multiplied by it.
        saturation: factor in HSV; the product is held to 1.
        hue: degrees added in HSV.
        channels: the new order of the channels.

    Returns:
        (h, w, 3) of the dtype of `img`: uint8 rounded and held to 0-255, float32 neither.
    """
    out = img.astype(np.float32)
    if brightness:
        out += brightness
    if contrast != 1:
        # SSD draws whether this comes before or after HSV; without bounds both give the same
        out *= contrast
    if saturation != 1 or hue:
        out = shift_hsv(out, saturation, hue)
    if img.dtype == np.uint8:
        out = cv2.convertScaleAbs(np.maximum(out, 0, out=out))  # rounds and stops at 255
    if tuple(channels) != (0, 1, 2):
        # as a matrix product: indexing the last axis gives an array that OpenCV must copy
        out = cv2.transform(out, np.eye(3, dtype=np.float32)[list(channels)])
    return out


def shift_hsv(img: np.ndarray, saturation: float, hue: float) -> np.ndarray:
    """Returns a BGR float32 picture with its HSV saturation multiplied and its hue turned.

    Args:
        img: (h, w, 3) float32; 8-bit HSV would keep only 180 hues.
        saturation: factor; the product is held to 1.
        hue: degrees.
    """
    # OpenCV takes hues from 360 up as the angle they are, but none below 0
    matrix = np.array([[1, 0, 0, hue % 360], [0, saturation, 0, 0], [0, 0, 1, 0]], np.float32)
    hsv = cv2.transform(cv2.cvtColor(img, cv2.COLOR_BGR2HSV), matrix)
    if saturation > 1:
        np.minimum(hsv[..., 1], 1, out=hsv[..., 1])
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def distort_colors_uint8(
    img: np.ndarray,
    brightness: float = 0.0,
    contrast: float = 1.0,
    saturation: float = 1.0,
    hue: float = 0.0,
    channels: Sequence[int] = (0, 1, 2),
) -> np.ndarray:
    """Returns what `distort_colors` does, but for rounding, without a float copy.

    8-bit HSV has 256 hues, and each step rounds and stops at 0, as in SSD's own code: the mean
    difference on a photograph is below 1 of 255.

    Args:
        img: (h, w, 3) BGR uint8.
        brightness, contrast, saturation, hue, channels: as of `distort_colors`.
    """
    if saturation == 1 and not hue:
        return scale_channels(img, contrast, contrast * brightness, channels)
    # HSV's saturation and hue do not know how bright it is: nothing has to go beyond 255 before
    limit = 255 / (255 + max(brightness, 0))
    before, after = min(contrast, limit), max(contrast / limit, 1)
    shifted = shift_hsv_uint8(scale_channels(img, before, before * brightness), saturation, hue)
    return scale_channels(shifted, after, 0, channels)


def scale_channels(
    img: np.ndarray, factor: float, offset: float, channels: Sequence[int] = (0, 1, 2)
) -> np.ndarray:
    """Returns `img[..., channels] * factor + offset`, uint8 rounded and held to 0-255.

    Factor, offset and order are one matrix: OpenCV does that three times as fast as a look-up
    table of each channel, and it needs no second pass for the order.
    """
    if factor == 1 and not offset and tuple(channels) == (0, 1, 2):
        return img
    matrix = np.zeros((3, 4), np.float32)
    matrix[range(3), channels] = factor
    matrix[:, 3] = offset
    return cv2.transform(img, matrix)


def shift_hsv_uint8(img: np.ndarray, saturation: float, hue: float) -> np.ndarray:
    """`shift_hsv` of a BGR uint8 picture, in 8-bit HSV with 256 hues."""
    h, s, v = cv2.split(cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL))
    h += np.uint8(round(hue * 256 / 360) % 256)  # 256 steps make a full turn, as in its arithmetic
    s = cv2.convertScaleAbs(s, alpha=saturation)  # stops at 255
    return cv2.cvtColor(cv2.merge([h, s, v]), cv2.COLOR_HSV2BGR_FULL)


@TRANSFORMS.register_module()
class PhotoMetricDistortion:
    """Changes the colours of `img`, each of five ways with probability 1/2.

    Probabilities and ranges are mmdet's. A uint8 picture stays uint8, rounded and held to
    0-255 as in SSD's own code, which is five times as fast and quarters what travels to the
    device; mmdet's float32 without bounds comes out of a float32 picture
    (`LoadImageFromFile(to_float32=True)`).

    Args:
        brightness_delta: greatest value added or taken away, of 255.
        contrast_range: least and greatest factor.
        saturation_range: least and greatest factor.
        hue_delta: greatest turn in degrees.

    Raises:
        ConfigError: a range is not (least, greatest) from 0 up, or a delta is negative.
    """

    takes_window = True

    def __init__(
        self,
        brightness_delta: float = 32,
        contrast_range: tuple[float, float] = (0.5, 1.5),
        saturation_range: tuple[float, float] = (0.5, 1.5),
        hue_delta: float = 18,
    ) -> None:
        for argument, value in dict(
            contrast_range=contrast_range,
            saturation_range=saturation_range,
            brightness_delta=(0, brightness_delta),
            hue_delta=(0, hue_delta),
        ).items():
            if len(value) != 2 or not 0 <= value[0] <= value[1]:
                raise ConfigError(
                    f'PhotoMetricDistortion.{argument}: least and greatest value, from 0 up, are '
                    f'expected, found {value!r}'
                )
        self.brightness_delta = brightness_delta
        self.contrast_range = contrast_range
        self.saturation_range = saturation_range
        self.hue_delta = hue_delta

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        drawn = self.draw()
        if drawn:
            results['img'] = recolor_image(results['img'], partial(_distort, **drawn))
        return results

    def draw(self) -> dict[str, Any]:
        """Returns random arguments for `distort_colors`; those not drawn change nothing."""
        drawn: dict[str, Any] = {}
        if _coin():
            drawn['brightness'] = np.random.uniform(-self.brightness_delta, self.brightness_delta)
        if _coin():
            drawn['contrast'] = np.random.uniform(*self.contrast_range)
        if _coin():
            drawn['saturation'] = np.random.uniform(*self.saturation_range)
        if _coin():
            drawn['hue'] = np.random.uniform(-self.hue_delta, self.hue_delta)
        if _coin():
            drawn['channels'] = tuple(np.random.permutation(3))
        return drawn


def _distort(img: np.ndarray, **drawn: Any) -> np.ndarray:
    return (distort_colors_uint8 if img.dtype == np.uint8 else distort_colors)(img, **drawn)


def _coin() -> bool:
    return np.random.random() < 0.5
