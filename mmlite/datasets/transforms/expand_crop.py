"""SSD's zooming out and in: Expand and MinIoURandomCrop (Liu et al. 2016, sections 2.2, 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import check_probability
from mmlite.datasets.transforms.geometry import (
    centers_inside,
    crop_bboxes,
    crop_image,
    expand_image,
    good_patches,
    translate_bboxes,
)
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_boxes, set_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

PATCHES_PER_ROUND = 50
ASPECT_RANGE = (0.5, 2.0)


def draw_patches(size: tuple[int, int], min_crop_size: float, num: int) -> np.ndarray:
    """Draws `num` patches of a picture of `size` (w, h) and returns the (p, 4) usable ones.

    Edges are uniform from `min_crop_size` of the picture's to all of it; those with h / w out
    of 0.5 to 2, or without a pixel, are left out.
    """
    edges = np.array(size)[:, None]
    shares, places = np.random.random((2, 2, num))
    patch_wh = edges * (min_crop_size + (1 - min_crop_size) * shares)
    left_top = places * (edges - patch_wh)
    patches = np.concatenate([left_top, left_top + patch_wh]).astype(np.int64)
    aspect = patch_wh[1] / patch_wh[0]
    usable = (aspect >= ASPECT_RANGE[0]) & (aspect <= ASPECT_RANGE[1])
    return patches.T[usable & (patches[2:] > patches[:2]).all(0)]


def greatest_iou(bboxes: np.ndarray, size: tuple[int, int], min_crop_size: float) -> float:
    """Returns what no patch's IoU with the smallest box (n, 4) can exceed, inf without a box.

    IoU <= area of the box / area of the patch; `size` and `min_crop_size` as of `draw_patches`.
    """
    # cutting both ends of an edge to whole pixels takes away less than one pixel
    least_w, least_h = (max(min_crop_size * edge - 1, 0) for edge in size)
    if not len(bboxes) or not least_w * least_h:
        return np.inf
    areas = np.maximum(bboxes[:, 2:] - bboxes[:, :2], 0).prod(1)
    return float(areas.min()) / (least_w * least_h)


def crop_to_patch(results: dict[str, Any], patch: np.ndarray, clip: bool) -> dict[str, Any]:
    """Crops `img` to the patch (4,) and drops boxes with their centre outside.

    The others move along, and are cut at the border of the patch where `clip`.
    """
    set_image(results, crop_image(results['img'], patch))
    inside = {
        key: centers_inside(results[key], patch[None])[0] for key in BOX_KEYS if key in results
    }
    for key, kept in inside.items():
        set_boxes(results, key, crop_bboxes(results[key], patch, clip), kept)
    return results


@TRANSFORMS.register_module()
class Expand:
    """Puts `img` at a random place of a larger canvas; boxes move along.

    Args:
        mean: three numbers that fill the canvas, 0-255; numbers of the 0-1 kind are taken times
            255. In RGB order where `to_rgb`, else BGR.
        to_rgb: whether `mean` is in RGB order; the picture itself stays BGR.
        ratio_range: least and greatest edge of the canvas in edges of the picture.
        prob: how likely it is done at all.

    Raises:
        ConfigError: `mean` is not three numbers, or a range is wrong.
    """

    takes_window = True

    def __init__(
        self,
        mean: Sequence[float] = (0, 0, 0),
        to_rgb: bool = True,
        ratio_range: tuple[float, float] = (1, 4),
        prob: float = 0.5,
    ) -> None:
        if len(mean) != 3:
            raise ConfigError(f'Expand.mean: three numbers are expected, found {mean!r}')
        if len(ratio_range) != 2 or not 1 <= ratio_range[0] <= ratio_range[1]:
            raise ConfigError(
                f'Expand.ratio_range: (least, greatest), from 1 up, is expected, '
                f'found {ratio_range!r}'
            )
        check_probability('Expand.prob', prob)
        pixel_mean = [255 * value for value in mean] if max(mean) <= 1 else list(mean)
        self.fill = pixel_mean[::-1] if to_rgb else pixel_mean
        self.ratio_range = ratio_range
        self.prob = prob

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        img = results['img']
        height, width = img.shape[:2]
        ratio = np.random.uniform(*self.ratio_range)
        size = (int(width * ratio), int(height * ratio))
        offset = (
            int(np.random.uniform(0, size[0] - width)),
            int(np.random.uniform(0, size[1] - height)),
        )
        set_image(results, expand_image(img, size, offset, self.fill))
        for key in BOX_KEYS:
            if key in results:
                results[key] = translate_bboxes(results[key], offset)
        return results


@TRANSFORMS.register_module()
class MinIoURandomCrop:
    """Crops `img` to a random patch that overlaps its boxes enough.

    Each round draws one of: leave the picture as it is, one of `min_ious`, 0. For the latter two
    50 patches are tried, and the first is taken that every box (also those to be ignored, as in
    mmdet) overlaps by at least that IoU, and that holds the centre of at least one. Boxes with
    their centre outside are dropped. A picture without boxes is cropped to the first patch.

    Args:
        min_ious: least IoUs to draw from.
        min_crop_size: least edge of a patch, in edges of the picture.
        bbox_clip_border: cut boxes at the border of the patch.

    Raises:
        ConfigError: a number is not within 0 to 1.
    """

    takes_window = True

    def __init__(
        self,
        min_ious: Sequence[float] = (0.1, 0.3, 0.5, 0.7, 0.9),
        min_crop_size: float = 0.3,
        bbox_clip_border: bool = True,
    ) -> None:
        if not all(0 <= number <= 1 for number in (*min_ious, min_crop_size)):
            raise ConfigError(
                'MinIoURandomCrop: min_ious and min_crop_size from 0 to 1 are expected, found '
                f'{min_ious!r} and {min_crop_size!r}'
            )
        self.choices = (None, *min_ious, 0.0)  # None: the whole picture
        self.min_crop_size = min_crop_size
        self.bbox_clip_border = bbox_clip_border

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        img = results['img']
        patch = self.draw(img.shape[1::-1], _all_boxes(results))
        if patch is None:
            return results
        return crop_to_patch(results, patch, self.bbox_clip_border)

    def draw(self, size: tuple[int, int], bboxes: np.ndarray) -> np.ndarray | None:
        """Returns a patch (4,) of a picture of `size` (w, h), or None: the whole picture."""
        limit = greatest_iou(bboxes, size, self.min_crop_size)
        while True:
            min_iou = self.choices[np.random.randint(len(self.choices))]
            if min_iou is None:
                return None
            if min_iou > limit:
                continue  # where boxes are small, most rounds end here
            patches = draw_patches(size, self.min_crop_size, PATCHES_PER_ROUND)
            good = good_patches(bboxes, patches, min_iou)
            if good.any():
                return patches[good.argmax()]


def _all_boxes(results: dict[str, Any]) -> np.ndarray:
    loaded = [results[key] for key in BOX_KEYS if key in results]
    return np.concatenate(loaded) if loaded else np.zeros((0, 4), np.float32)
