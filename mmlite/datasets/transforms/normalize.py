"""Normalisation and back, and telling the two kinds of mean and std apart. No torch in here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


def normalization_scale(mean: Sequence[float], std: Sequence[float]) -> float:
    """Tells which kind of numbers `mean` and `std` are, and returns what to divide pictures by.

    1.0: numbers for pixels of 0-255, `(img - mean) / std`. 255.0: numbers for pixels of 0-1,
    `(img / 255 - mean) / std`. The greatest of each decides:

    | mean      | std             | returns | for example                               |
    |-----------|-----------------|---------|-------------------------------------------|
    | above 1   | above 1         | 1.0     | 123.675 and 58.395; 127.5 and 127.5       |
    | above 1   | all exactly 1   | 1.0     | Caffe: 123.675 and 1                      |
    | above 1   | up to 1         | refused | 123.675 and 0.229: two kinds in one       |
    | 0 to 1    | up to 1         | 255.0   | 0.485 and 0.229; 0.5 and 0.5; 0.485 and 1 |
    | 0 to 1    | above 1         | refused | 0.485 and 58.395: two kinds in one        |
    | all 0     | above 1         | 1.0     | 0 and 255: pixels become 0-1              |
    | all 0     | all exactly 1   | 1.0     | nothing is changed                        |
    | all 0     | up to 1         | 255.0   | 0 and 0.229                               |

    Raises:
        ConfigError: the two contradict each other, differ in length, or hold impossible numbers
            (a mean out of 0-255, a std of 0 or less).
    """
    found = f'mean={list(mean)}, std={list(std)}'
    if len(mean) == 0 or len(mean) != len(std):
        raise ConfigError(f'mean and std: as many numbers in both are expected, found {found}')
    if not all(0 <= number <= 255 for number in mean):
        raise ConfigError(f'mean: numbers from 0 to 255 are expected, found {found}')
    if not all(0 < number < math.inf for number in std):
        raise ConfigError(f'std: numbers above 0 are expected, found {found}')
    pixel_mean, pixel_std = max(mean) > 1, max(std) > 1
    if all(number == 1 for number in std):  # says nothing by itself
        pixel_std = pixel_mean or max(mean) == 0
    if max(mean) == 0:
        pixel_mean = pixel_std
    if pixel_mean != pixel_std:
        raise ConfigError(
            f'mean and std contradict each other: {found}. The mean is for pixels of '
            f'{_kind(pixel_mean)}, the std for pixels of {_kind(pixel_std)}. Give both for 0-255 '
            '(mean 123.675, std 58.395) or both for 0-1 (mean 0.485, std 0.229).'
        )
    return 1.0 if pixel_mean else 255.0


def normalize_image(
    img: np.ndarray,
    mean: Sequence[float],
    std: Sequence[float],
    to_rgb: bool = True,
    scale: float = 1.0,
) -> np.ndarray:
    """Returns `(img / scale - mean) / std`, (h, w, 3) float32.

    Args:
        img: (h, w, 3) BGR, 0-255, uint8 or float32.
        mean: in the order of the result: RGB where `to_rgb`, else BGR.
        std: likewise.
        to_rgb: turn BGR to RGB.
        scale: what `normalization_scale` returns.
    """
    mean, std = np.asarray(mean, np.float64), np.asarray(std, np.float64)
    order = [2, 1, 0] if to_rgb else [0, 1, 2]
    # channel order, factor and offset are one matrix, so OpenCV reads the picture once
    factors = np.eye(3)[order] / (scale * std[:, None])
    matrix = np.hstack([factors, -(mean / std)[:, None]]).astype(np.float32)
    return cv2.transform(img.astype(np.float32), matrix)


def denormalize_image(
    img: np.ndarray,
    mean: Sequence[float],
    std: Sequence[float],
    to_rgb: bool = True,
    scale: float = 1.0,
) -> np.ndarray:
    """Returns the (h, w, 3) BGR float32 picture that `normalize_image` made `img` of."""
    restored = (img * np.float32(std) + np.float32(mean)) * np.float32(scale)
    return restored[..., ::-1] if to_rgb else restored


@TRANSFORMS.register_module()
class Normalize:
    """Normalises `img` to float32 and records `img_norm_cfg`: mean, std, to_rgb, scale.

    As in mmdet 1.x and 2.x; 3.x normalises in `model.data_preprocessor`, on the device. Only one
    of the two may.

    Args:
        mean: three numbers, RGB where `to_rgb`, else BGR; 0-255 or 0-1, see
            `normalization_scale`.
        std: likewise.
        to_rgb: turn the picture from BGR to RGB.

    Raises:
        ConfigError: mean and std are not three numbers each or contradict each other; or, when
            called, the picture is normalised already.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], to_rgb: bool = True) -> None:
        if len(mean) != 3 or len(std) != 3:
            raise ConfigError(
                f'Normalize: three numbers each are expected, found mean={mean!r}, std={std!r}'
            )
        self.config = dict(
            mean=tuple(map(float, mean)),
            std=tuple(map(float, std)),
            to_rgb=to_rgb,
            scale=normalization_scale(mean, std),
        )

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if 'img_norm_cfg' in results:
            raise ConfigError('Normalize: it stands twice in the pipeline; leave one out')
        results['img'] = normalize_image(results['img'], **self.config)
        results['img_norm_cfg'] = dict(self.config)
        return results


def _kind(of_pixels: bool) -> str:
    return '0-255' if of_pixels else '0-1'
