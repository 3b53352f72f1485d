"""Resize, RandomFlip and Pad: the picture as a whole, and the boxes along with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import fill_value, pixel_size, whole_pixels
from mmlite.datasets.transforms.geometry import (
    FLIP_CODES,
    INTERPOLATIONS,
    clip_bboxes,
    fitted_size,
    flip_bboxes,
    flip_image,
    pad_image,
    resize_bboxes,
    resize_image,
    scaled_size,
)
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

BOX_KEYS = ('gt_bboxes', 'gt_bboxes_ignore')


def set_image(results: dict[str, Any], img: np.ndarray) -> None:
    """Puts a picture of a new size into `results`."""
    results['img'] = img
    results['img_shape'] = results['pad_shape'] = img.shape


def set_boxes(results: dict[str, Any], key: str, bboxes: np.ndarray, kept: np.ndarray) -> None:
    """Puts those of the moved boxes (n, 4) into `results[key]` that are kept, (n,) bool.

    The labels of boxes that are dropped go with them.
    """
    results[key] = bboxes[kept]
    if key == 'gt_bboxes' and 'gt_labels' in results:
        results['gt_labels'] = results['gt_labels'][kept]


@TRANSFORMS.register_module()
class Resize:
    """Resizes `img` and the boxes that are loaded; `scale_factor` is multiplied by the ratio.

    Args:
        scale: (w, h), or one number for both. With `keep_ratio` the picture is fitted into it,
            its longer edge along the longer of the two.
        scale_factor: in place of `scale`: new / old, one number or (w, h).
        keep_ratio: False unless given; with 2.x's spelling `img_scale` its default, True.
        clip_object_border: cut boxes at the border of the picture.
        backend: only 'cv2'.
        interpolation: 'nearest', 'bilinear', 'bicubic', 'area' or 'lanczos'.
        img_scale: 2.x's name of `scale`; a list of one (w, h) is fine.

    Raises:
        ConfigError: an unsupported value, several scales, or not exactly one size argument.
    """

    takes_window = True

    def __init__(
        self,
        scale: int | tuple[int, int] | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        keep_ratio: bool | None = None,
        clip_object_border: bool = True,
        backend: str = 'cv2',
        interpolation: str = 'bilinear',
        img_scale: tuple[int, int] | Sequence[tuple[int, int]] | None = None,
    ) -> None:
        given = [value for value in (scale, scale_factor, img_scale) if value is not None]
        if len(given) != 1:
            raise ConfigError(
                'Resize: exactly one of scale (w, h), scale_factor and img_scale is needed, found '
                f'scale={scale!r}, scale_factor={scale_factor!r}, img_scale={img_scale!r}'
            )
        if backend != 'cv2':
            raise ConfigError(f"Resize.backend: only 'cv2' is supported, found {backend!r}")
        if interpolation not in INTERPOLATIONS:
            raise ConfigError(
                f'Resize.interpolation: one of {", ".join(INTERPOLATIONS)} is expected, '
                f'found {interpolation!r}'
            )
        is_factor = scale_factor is not None
        pair = _one_pair('scale_factor' if is_factor else 'scale', given[0])
        self.scale = None if is_factor else pixel_size('Resize.scale', pair, 'scale_factor=...')
        self.scale_factor = pair if is_factor else None
        self.keep_ratio = img_scale is not None if keep_ratio is None else keep_ratio
        self.clip_object_border = clip_object_border
        self.interpolation = interpolation

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        img = results['img']
        height, width = img.shape[:2]
        size = self.new_size(width, height)
        ratio = np.array([size[0] / width, size[1] / height] * 2, np.float32)
        set_image(results, resize_image(img, size, self.interpolation))
        results['scale_factor'] = results.get('scale_factor', np.float32(1)) * ratio
        if 'border' in results:
            results['border'] = results['border'] * ratio[[1, 1, 0, 0]]
        for key in BOX_KEYS:
            if key in results:
                bboxes = resize_bboxes(results[key], ratio)
                results[key] = clip_bboxes(bboxes, size) if self.clip_object_border else bboxes
        return results

    def new_size(self, width: int, height: int) -> tuple[int, int]:
        """Returns the (w, h) that a picture of `width` and `height` gets."""
        size = self.scale or scaled_size(width, height, self.scale_factor)
        return fitted_size(width, height, size) if self.keep_ratio else tuple(map(int, size))


@TRANSFORMS.register_module()
class RandomFlip:
    """Mirrors `img` and the boxes that are loaded at random; sets `flip` and `flip_direction`.

    Args:
        prob: how likely a flip is, 0 to 1; shared evenly by several directions, or a list with
            one number for each.
        direction: 'horizontal', 'vertical', 'diagonal' (a half turn), or a list of them.
        flip_ratio: 2.x's name of `prob`.

    Raises:
        ConfigError: no probability or two, one out of range, or an unknown direction.
    """

    takes_window = True

    def __init__(
        self,
        prob: float | Sequence[float] | None = None,
        direction: str | Sequence[str] = 'horizontal',
        flip_ratio: float | Sequence[float] | None = None,
    ) -> None:
        if (prob is None) == (flip_ratio is None):
            raise ConfigError(
                'RandomFlip: prob (or flip_ratio, its name in mmdet 2.x) is needed, one of the '
                f'two, found prob={prob!r}, flip_ratio={flip_ratio!r}'
            )
        prob = flip_ratio if prob is None else prob
        self.directions = [direction] if isinstance(direction, str) else list(direction)
        unknown = [name for name in self.directions if name not in FLIP_CODES]
        if unknown or not self.directions:
            raise ConfigError(
                f'RandomFlip.direction: {", ".join(FLIP_CODES)} or a list of these is '
                f'expected, found {direction!r}'
            )
        count = len(self.directions)
        self.probs = [prob / count] * count if isinstance(prob, (int, float)) else list(prob)
        if len(self.probs) != count or min(self.probs) < 0 or sum(self.probs) > 1:
            raise ConfigError(
                'RandomFlip.prob: a number from 0 to 1, or one for each direction with a sum of '
                f'at most 1, is expected, found {prob!r} for {count} direction(s)'
            )

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        direction = self.draw()
        results['flip'] = direction is not None
        results['flip_direction'] = direction
        if direction is None:
            return results
        img = results['img']
        results['img'] = flip_image(img, direction)
        if 'border' in results:
            results['border'] = flip_border(results['border'], img.shape, direction)
        for key in BOX_KEYS:
            if key in results:
                results[key] = flip_bboxes(results[key], img.shape[1::-1], direction)
        return results

    def draw(self) -> str | None:
        """Returns a direction, or None: no flip."""
        number = np.random.random()
        for direction, prob in zip(self.directions, self.probs, strict=True):
            if number < prob:
                return direction
            number -= prob
        return None


@TRANSFORMS.register_module()
class Pad:
    """Extends `img` at the right and the bottom; sets `pad_shape`, boxes need no change.

    Args:
        size: least (w, h). Mind that mmdet 2.x read (h, w) here.
        size_divisor: both edges become multiples of it.
        pad_to_square: both edges become the longer one, before `size_divisor` counts.
        pad_val: a number, or three in BGR order, or mmdet's dict(img=either, masks=..., seg=...),
            of which only `img` means something here.

    Raises:
        ConfigError: nothing says how far to pad, or an unsupported value.
    """

    def __init__(
        self,
        size: tuple[int, int] | None = None,
        size_divisor: int | None = None,
        pad_to_square: bool = False,
        pad_val: float | Sequence[float] | dict = 0,
    ) -> None:
        if size is None and size_divisor is None and not pad_to_square:
            raise ConfigError('Pad: size (w, h), size_divisor or pad_to_square=True is needed')
        if size is not None and pad_to_square:
            raise ConfigError('Pad: size and pad_to_square exclude each other')
        self.size = (0, 0) if size is None else pixel_size('Pad.size', size)
        given = 1 if size_divisor is None else size_divisor
        self.size_divisor = whole_pixels('Pad.size_divisor', given)
        self.pad_to_square = pad_to_square
        self.pad_val = fill_value('Pad.pad_val', pad_val)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        img = results['img']
        results['img'] = pad_image(img, self.new_size(*img.shape[1::-1]), self.pad_val)
        results['pad_shape'] = results['img'].shape
        return results

    def new_size(self, width: int, height: int) -> tuple[int, int]:
        """Returns the (w, h) that a picture of `width` and `height` gets."""
        if self.pad_to_square:
            width = height = max(width, height)
        edges = (max(width, self.size[0]), max(height, self.size[1]))
        return tuple(-(-edge // self.size_divisor) * self.size_divisor for edge in edges)


def flip_border(border: np.ndarray, shape: tuple[int, ...], direction: str) -> np.ndarray:
    """Returns where the original picture is in a mirrored one.

    Args:
        border: (top, bottom, left, right) before, see `RandomCenterCropPad`.
        shape: (h, w, ...) of the whole picture.
        direction: of the flip.
    """
    place = border[[2, 0, 3, 1]][None]  # as a box
    return flip_bboxes(place, shape[1::-1], direction)[0, [1, 3, 0, 2]]


def _one_pair(argument: str, value: Any) -> tuple[float, float]:
    """Returns (w, h) of a number or a pair, also of a list that holds nothing but one pair."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) == 1 and isinstance(value[0], Sequence):
            value = value[0]
        elif any(isinstance(item, Sequence) for item in value):
            raise ConfigError(
                f'Resize.{argument}: several scales (multi-scale training) are not supported '
                f'here; give one (w, h). Found {value!r}'
            )
    pair = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(pair) != 2 or not all(isinstance(n, (int, float)) and 0 < n < math.inf for n in pair):
        raise ConfigError(
            f'Resize.{argument}: (w, h), two numbers above 0, is expected, found {value!r}'
        )
    return pair
