"""Normalisation and back, and telling the two kinds of mean and std apart. No torch in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from mmlite.errors import ConfigError
from mmlite.ops.normalization import normalization_scale
from mmlite.registry import TRANSFORMS


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
    img: np.ndarray, mean: Sequence[float], std: Sequence[float], to_rgb: bool = True,
    scale: float = 1.0,
) -> np.ndarray:  # fmt: skip
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
            raise ConfigError('Normalize: it is twice in the pipeline; leave one out')
        results['img'] = normalize_image(results['img'], **self.config)
        results['img_norm_cfg'] = dict(self.config)
        return results
