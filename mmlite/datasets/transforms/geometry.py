"""Pure functions on pictures and boxes; the random choices are in the classes.

Pictures are (h, w, 3), and where it says `AnyPicture` also windows, which come back as windows;
boxes (n, 4) float32 xyxy in pixels of their picture; sizes (w, h); patches (p, 4) int64 xyxy, their
far edge exclusive. No function changes its arguments, and an array that needs no change is returned
as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import cv2
import numpy as np

from mmlite.datasets.transforms.window import Window

AnyPicture = TypeVar('AnyPicture', np.ndarray, Window)

INTERPOLATIONS = {
    'nearest': cv2.INTER_NEAREST,
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
    'area': cv2.INTER_AREA,
    'lanczos': cv2.INTER_LANCZOS4,
}
FLIP_CODES = {'horizontal': 1, 'vertical': 0, 'diagonal': -1}


def fitted_size(width: int, height: int, scale: tuple[float, float]) -> tuple[int, int]:
    """Returns the largest (w, h) of the same ratio that fits in `scale`, whichever way it lies.

    The longer edge is held to the longer of `scale`, the shorter to the shorter; rounded half
    up, as mmcv's `rescale_size` does.
    """
    factor = min(max(scale) / max(width, height), min(scale) / min(width, height))
    return scaled_size(width, height, (factor, factor))


def scaled_size(width: int, height: int, factor: tuple[float, float]) -> tuple[int, int]:
    """Returns (w, h) times `factor` (w, h), rounded half up, at least one pixel each."""
    return max(1, int(width * factor[0] + 0.5)), max(1, int(height * factor[1] + 0.5))


def resize_image(
    img: AnyPicture, size: tuple[int, int], interpolation: str = 'bilinear'
) -> AnyPicture:
    """Returns the picture at `size` (w, h); the very same array where it has that size."""
    if img.shape[1::-1] == tuple(size):
        return img
    if isinstance(img, Window):
        return img.resize(size, INTERPOLATIONS[interpolation])
    return cv2.resize(img, size, interpolation=INTERPOLATIONS[interpolation])


def resize_bboxes(bboxes: np.ndarray, scale_factor: np.ndarray) -> np.ndarray:
    """Returns boxes times `scale_factor` (4,) as (w, h, w, h)."""
    return bboxes * scale_factor


def clip_bboxes(bboxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns boxes cut at the border of a picture of `size` (w, h)."""
    return np.clip(bboxes, 0, np.array(size * 2, bboxes.dtype))


def flip_image(img: AnyPicture, direction: str = 'horizontal') -> AnyPicture:
    """Returns the picture mirrored; 'diagonal' is both ways, a half turn."""
    if isinstance(img, Window):
        return img.flip(FLIP_CODES[direction])
    return cv2.flip(img, FLIP_CODES[direction])


def flip_bboxes(
    bboxes: np.ndarray, size: tuple[int, int], direction: str = 'horizontal'
) -> np.ndarray:
    """Returns boxes mirrored in a picture of `size` (w, h): x1' = w - x2, x2' = w - x1."""
    width, height = size
    flipped = bboxes.copy()
    if direction != 'vertical':
        flipped[:, [0, 2]] = width - bboxes[:, [2, 0]]
    if direction != 'horizontal':
        flipped[:, [1, 3]] = height - bboxes[:, [3, 1]]
    return flipped


def pad_image(img: np.ndarray, size: tuple[int, int], value: Sequence[float]) -> np.ndarray:
    """Returns the picture extended at the right and the bottom to `size` (w, h) with BGR `value`.

    An edge that is longer already stays as it is.
    """
    right, bottom = max(size[0] - img.shape[1], 0), max(size[1] - img.shape[0], 0)
    if not right and not bottom:
        return img
    return cv2.copyMakeBorder(img, 0, bottom, 0, right, cv2.BORDER_CONSTANT, value=value)


def expand_image(
    img: AnyPicture, size: tuple[int, int], offset: tuple[int, int], fill: Sequence[float]
) -> AnyPicture:
    """Returns a canvas of `size` (w, h) filled with BGR `fill`, the picture at `offset` (x, y)."""
    if isinstance(img, Window):
        return img.expand(size, offset, fill)
    height, width = img.shape[:2]
    left, top = offset
    right, bottom = size[0] - width - left, size[1] - height - top
    # OpenCV would round 123.675 to 124; numpy and mmdet cut it to 123
    fill = np.array(fill).astype(img.dtype).tolist()
    return cv2.copyMakeBorder(img, top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill)


def translate_bboxes(bboxes: np.ndarray, offset: tuple[int, int]) -> np.ndarray:
    """Returns boxes moved by `offset` (x, y)."""
    return bboxes + np.array(tuple(offset) * 2, bboxes.dtype)


def project_bboxes(bboxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns the smallest upright boxes around the corners that `matrix` (3, 3) moves."""
    x1, y1, x2, y2 = bboxes.astype(np.float64).T
    corners = np.stack([[x1, x2, x2, x1], [y1, y1, y2, y2], np.ones((4, len(bboxes)))])
    moved = np.einsum('ij,jkn->ikn', matrix.astype(np.float64), corners)  # (3, 4 corners, n)
    moved = moved[:2] / moved[2]
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)]).T.astype(bboxes.dtype)


def crop_image(img: AnyPicture, patch: Sequence[int]) -> AnyPicture:
    """Returns the patch (x1, y1, x2, y2) of the picture: a view, nothing is copied."""
    if isinstance(img, Window):
        return img.crop(patch)
    x1, y1, x2, y2 = patch
    return img[y1:y2, x1:x2]


def crop_bboxes(bboxes: np.ndarray, patch: Sequence[int], clip: bool = True) -> np.ndarray:
    """Returns boxes as seen from a patch (4,), cut at its border where `clip`."""
    x1, y1, x2, y2 = map(int, patch)
    moved = translate_bboxes(bboxes, (-x1, -y1))
    return clip_bboxes(moved, (x2 - x1, y2 - y1)) if clip else moved


def overlaps_patch(bboxes: np.ndarray, patch: Sequence[int]) -> np.ndarray:
    """Returns (n,) bool: does the patch (x1, y1, x2, y2) see anything of the box?"""
    x1, y1, x2, y2 = patch
    left_top, right_bottom = bboxes[:, :2], bboxes[:, 2:]
    return ((left_top < (x2, y2)) & (right_bottom > (x1, y1))).all(axis=1)


def recolor_image(img: AnyPicture, function: Callable[[np.ndarray], np.ndarray]) -> AnyPicture:
    """Returns what `function` makes of the picture; it has to treat each pixel by itself."""
    return img.recolor(function) if isinstance(img, Window) else function(img)


def centers_inside(bboxes: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Returns (p, n) bool: is the centre of box n strictly inside patch p?"""
    centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2
    patches = patches[:, None]
    return ((centers > patches[..., :2]) & (centers < patches[..., 2:])).all(-1)


def patch_ious(bboxes: np.ndarray, patches: np.ndarray) -> np.ndarray:
    """Returns (p, n): intersection over union of every patch with every box."""
    boxes_wh = np.maximum(bboxes[:, 2:] - bboxes[:, :2], 0)
    patches_wh = patches[:, 2:] - patches[:, :2]
    patches = patches[:, None]
    shared_wh = np.minimum(bboxes[:, 2:], patches[..., 2:]) - np.maximum(
        bboxes[:, :2], patches[..., :2]
    )
    shared = np.maximum(shared_wh, 0).prod(-1)
    return shared / (boxes_wh.prod(-1) + patches_wh.prod(-1)[:, None] - shared)


def good_patches(bboxes: np.ndarray, patches: np.ndarray, min_iou: float) -> np.ndarray:
    """Returns (p,) bool: every box's IoU is at least `min_iou` and one centre is inside.

    Without a box every patch is good.
    """
    if not len(bboxes):
        return np.ones(len(patches), bool)
    seen = centers_inside(bboxes, patches).any(1)
    if min_iou > 0 and seen.any():
        seen &= (patch_ious(bboxes, patches) >= min_iou).all(1)
    return seen
