"""RandomAffine and RandomShift: the picture is moved as a whole, and the boxes with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.transforms.arguments import check_probability, fill_value
from mmlite.datasets.transforms.geometry import (
    clip_bboxes,
    overlaps_patch,
    project_bboxes,
    translate_bboxes,
)
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_boxes, set_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomAffine:
    """Scales, rotates, shears and moves the picture (YOLOX, Ge et al. 2021, section 2.1).

    A box becomes the smallest upright one around its four moved corners; one that the picture does
    not show is dropped.

    Args:
        max_rotate_degree: greatest turn, either way.
        max_translate_ratio: greatest shift, as a share of the width and of the height.
        scaling_ratio_range: (least, greatest) factor.
        max_shear_degree: greatest shear along each axis, in degrees.
        border: (x, y) in pixels that the picture gains on each side; a negative number cuts. After
            a Mosaic minus a half of its `img_scale`.
        border_val: BGR of what the picture does not cover.
        bbox_clip_border: cut boxes at the border.

    Raises:
        ConfigError: an argument out of its range; when called: `border` leaves nothing.
    """

    def __init__(
        self,
        max_rotate_degree: float = 10.0,
        max_translate_ratio: float = 0.1,
        scaling_ratio_range: tuple[float, float] = (0.5, 1.5),
        max_shear_degree: float = 2.0,
        border: tuple[int, int] = (0, 0),
        border_val: float | Sequence[float] = (114, 114, 114),
        bbox_clip_border: bool = True,
    ) -> None:
        check_probability('RandomAffine.max_translate_ratio', max_translate_ratio)
        if not 0 < scaling_ratio_range[0] <= scaling_ratio_range[1]:
            raise ConfigError(
                'RandomAffine.scaling_ratio_range: (least, greatest) above 0 is expected, found '
                f'{scaling_ratio_range!r}'
            )
        self.max_rotate_degree = max_rotate_degree
        self.max_translate_ratio = max_translate_ratio
        self.scaling_ratio_range = scaling_ratio_range
        self.max_shear_degree = max_shear_degree
        self.border = border
        self.border_val = fill_value('RandomAffine.border_val', border_val)
        self.bbox_clip_border = bbox_clip_border

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        img = results['img']
        size = tuple(img.shape[1 - axis] + 2 * int(self.border[axis]) for axis in (0, 1))
        if min(size) < 1:
            raise ConfigError(
                f'RandomAffine.border: {tuple(self.border)} leaves nothing of a picture of '
                f'{img.shape[1]}x{img.shape[0]} pixels; it is meant to follow a Mosaic'
            )
        matrix = self.draw(size)
        img = cv2.warpPerspective(img, matrix, size, borderValue=self.border_val)
        set_image(results, img)
        warp_boxes(results, matrix, size, self.bbox_clip_border)
        return results

    def draw(self, size: tuple[int, int]) -> np.ndarray:
        """Returns a matrix (3, 3) float32, from pixels to those of a picture of `size` (w, h)."""
        degrees = np.random.uniform(-self.max_rotate_degree, self.max_rotate_degree)
        factor = np.random.uniform(*self.scaling_ratio_range)
        shear = self.max_shear_degree
        shear_x, shear_y = (np.random.uniform(-shear, shear) for _ in range(2))
        share = self.max_translate_ratio
        x, y = (np.random.uniform(-share, share) * side for side in size)
        return affine_matrix(degrees, factor, (shear_x, shear_y), (x, y))


def affine_matrix(
    degrees: float, factor: float, shear: tuple[float, float], shift: tuple[float, float]
) -> np.ndarray:
    """Returns the matrix (3, 3) float32 that scales, then rotates, shears and moves.

    Args:
        degrees: of the turn around (0, 0), clockwise.
        factor: of the size.
        shear: degrees along x and y.
        shift: (x, y) in pixels.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along_x, along_y = (math.tan(math.radians(angle)) for angle in shear)
    move = np.float32([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    slant = np.float32([[1, along_x, 0], [along_y, 1, 0], [0, 0, 1]])
    turn = np.float32([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    scale = np.float32([[factor, 0, 0], [0, factor, 0], [0, 0, 1]])
    return move @ slant @ turn @ scale


def warp_boxes(
    results: dict[str, Any], matrix: np.ndarray, size: tuple[int, int], clip: bool
) -> None:
    """Moves the boxes by `matrix` (3, 3), and drops those that a picture of `size` does not show.

    The others are cut at its border where `clip`.
    """
    for key in BOX_KEYS:
        if key in results:
            bboxes = project_bboxes(results[key], matrix)
            seen = overlaps_patch(bboxes, (0, 0, *size))
            set_boxes(results, key, clip_bboxes(bboxes, size) if clip else bboxes, seen)


@TRANSFORMS.register_module()
class RandomShift:
    """Moves the picture by some pixels (YOLOF, Chen et al. 2021); what is bared is black.

    A sample that would have no box left stays as it is.

    Args:
        prob: how likely it is done.
        max_shift_px: greatest shift along each axis; as in mmdet one pixel less to the right and
            down.
        filter_thr_px: boxes of which no more than this many pixels are left, in width or height,
            are dropped.

    Raises:
        ConfigError: an argument out of its range.
    """

    def __init__(self, prob: float = 0.5, max_shift_px: int = 32, filter_thr_px: int = 1) -> None:
        check_probability('RandomShift.prob', prob)
        if max_shift_px < 1:
            raise ConfigError(
                f'RandomShift.max_shift_px: a number from 1 up is expected, found {max_shift_px!r}'
            )
        self.prob = prob
        self.max_shift_px = max_shift_px
        self.filter_thr_px = int(filter_thr_px)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.uniform(0, 1) >= self.prob:
            return results
        shift = tuple(np.random.randint(-self.max_shift_px, self.max_shift_px) for _ in range(2))
        img = results['img']
        moved, kept = {}, {}
        for key in BOX_KEYS:
            if key in results:
                bboxes = clip_bboxes(translate_bboxes(results[key], shift), img.shape[1::-1])
                kept[key] = (bboxes[:, 2:] - bboxes[:, :2] > self.filter_thr_px).all(axis=1)
                moved[key] = bboxes
        if not any(some.any() for some in kept.values()):
            return results
        for key, bboxes in moved.items():
            set_boxes(results, key, bboxes, kept[key])
        results['img'] = shifted(img, shift)
        return results


def shifted(img: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """Returns the picture moved by (x, y) pixels; what is bared is black."""
    (x, y), (height, width) = shift, img.shape[:2]
    out = np.zeros_like(img)
    out[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)] = img[
        max(0, -y) : height + min(0, -y), max(0, -x) : width + min(0, -x)
    ]
    return out
