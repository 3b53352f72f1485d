"""Telling the two kinds of mean and std apart: for pixels of 0-255 and of 0-1."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmlite.errors import ConfigError


def normalization_scale(mean: Sequence[float], std: Sequence[float]) -> float:
    """Finds the kind of numbers of `mean` and `std`; returns what pictures are divided by.

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


def _kind(of_pixels: bool) -> str:
    return '0-255' if of_pixels else '0-1'
