"""RandomCenterCropPad: a window around a random point, filled where it leaves the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import pixel_size
from mmlite.datasets.transforms.canvas import filled, paste
from mmlite.datasets.transforms.geometry import (
    centers_inside,
    clip_bboxes,
    overlaps_patch,
    translate_bboxes,
)
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_boxes, set_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

_TRIES = 50  # of a point, before another size is drawn
_SIZES = 50


@TRANSFORMS.register_module()
class RandomCenterCropPad:
    """Cuts a window of a random size around a random point (CornerNet, Law and Deng 2018).

    What lies beyond the picture has the colour of `mean`. Boxes whose centre the window does not
    see are dropped; a window that would see no centre is drawn again, and a sample for which none
    is found is dropped.

    Args:
        crop_size: (w, h) of the window.
        ratios: factors, of which one is drawn for both edges.
        border: the point stays at least this many pixels away from the edges of the picture; of a
            small picture, half as many until a point is left.
        mean: colour, in RGB order with `to_rgb`, else in BGR.
        std: as of Normalize; it changes nothing here.
        to_rgb: see `mean`.
        test_mode: only False: testing pads at the right and at the bottom.
        test_pad_mode, test_pad_add_pix: of mmdet's test mode.
        bbox_clip_border: cut boxes at the border of the window.

    Raises:
        ConfigError: `crop_size` or `mean` is missing, or test_mode is True.
    """

    def __init__(
        self,
        crop_size: tuple[int, int] | None = None,
        ratios: Sequence[float] = (0.9, 1.0, 1.1),
        border: int = 128,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        to_rgb: bool | None = None,
        test_mode: bool = False,
        test_pad_mode: tuple | None = None,
        test_pad_add_pix: int = 0,
        bbox_clip_border: bool = True,
    ) -> None:
        if test_mode:
            raise ConfigError(
                'RandomCenterCropPad.test_mode: only False is supported; a test pipeline pads with '
                'Pad(size_divisor=...), or model.data_preprocessor.pad_size_divisor does'
            )
        if crop_size is None or mean is None or to_rgb is None:
            raise ConfigError('RandomCenterCropPad: crop_size (w, h), mean and to_rgb are needed')
        self.crop_size = pixel_size('RandomCenterCropPad.crop_size', crop_size)
        self.ratios = list(ratios)
        self.border = border
        self.fill = tuple(mean)[::-1] if to_rgb else tuple(mean)
        self.bbox_clip_border = bbox_clip_border

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        img = results['img']
        height, width = img.shape[:2]
        boxes = {key: results[key] for key in BOX_KEYS if key in results}
        window = self.draw(width, height, np.concatenate([*boxes.values(), _NO_BOXES]))
        if window is None:
            return None
        size, offset = window
        canvas = filled(size, self.fill, img.dtype)
        paste(canvas, img, offset)
        set_image(results, canvas)
        seen = _seen(size, offset, (width, height))
        for key, bboxes in boxes.items():
            moved = translate_bboxes(bboxes, offset)
            kept = centers_inside(bboxes, seen)[0] & overlaps_patch(moved, (0, 0, *size))
            set_boxes(
                results, key, clip_bboxes(moved, size) if self.bbox_clip_border else moved, kept
            )
        return results

    def draw(
        self, width: int, height: int, bboxes: np.ndarray
    ) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Returns the (w, h) of a window, and where in it the picture's corner lies, (x, y).

        None if all windows that were tried see the centre of no box.
        """
        margins = [margin(self.border, side) for side in (width, height)]
        for _ in range(_SIZES):
            ratio = np.random.choice(self.ratios)
            size = tuple(int(side * ratio) for side in self.crop_size)
            for _ in range(_TRIES):
                point = [
                    np.random.randint(near, side - near)
                    for near, side in zip(margins, (width, height), strict=True)
                ]
                offset = tuple(size[axis] // 2 - point[axis] for axis in (0, 1))
                if (
                    not len(bboxes)
                    or centers_inside(bboxes, _seen(size, offset, (width, height))).any()
                ):
                    return size, offset
        return None


_NO_BOXES = np.zeros((0, 4), np.float32)


def margin(border: int, side: int) -> int:
    """Returns `border`, halved until a point on an edge of `side` pixels is that far from both."""
    if border <= 0:
        return 0
    share = 2 * border / side
    halvings = max(0, math.ceil(math.log2(math.ceil(share)))) + (share == int(share))
    return border // 2**halvings


def _seen(size: tuple[int, int], offset: tuple[int, int], picture: tuple[int, int]) -> np.ndarray:
    """What a window shows of a picture: (1, 4) xyxy in pixels of the picture."""
    ends = [min(size[axis] // 2 * 2 - offset[axis], picture[axis]) for axis in (0, 1)]
    return np.array([[max(0, -offset[0]), max(0, -offset[1]), *ends]])
