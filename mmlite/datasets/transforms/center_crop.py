"""RandomCenterCropPad: a window around a random point, filled where it leaves the picture.

In testing the window is around the middle of the picture, and shows all of it.
"""

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
_PAD_MODES = ('logical_or', 'size_divisor')


@TRANSFORMS.register_module()
class RandomCenterCropPad:
    """Cuts a window of a random size around a random point (CornerNet, Law and Deng 2018).

    What lies beyond the picture has the colour of `mean`. Boxes whose centre the window does not
    see are dropped; a window that would see no centre is drawn again, and a sample for which none
    is found is dropped.

    With `test_mode` nothing is random: the whole picture comes into the middle of a larger one, and
    `border` (4,) says where it begins and ends there, as (top, bottom, left, right); detections are
    put back by it.

    Args:
        crop_size: (w, h) of the window; only in training.
        ratios: factors, of which one is drawn for both edges.
        border: the point stays at least this many pixels away from the edges of the picture; of a
            small picture, half as many until a point is left.
        mean: colour, in RGB order with `to_rgb`, else in BGR.
        std: as of Normalize; it changes nothing here.
        to_rgb: see `mean`.
        test_mode: see above; `crop_size`, `ratios` and `border` have no use then.
        test_pad_mode: how large the picture becomes: ('logical_or', n) for edges of the bits of
            edge or n, so the next multiple of n + 1, less 1, if n + 1 is a power of 2;
            ('size_divisor', n) for multiples of n.
        test_pad_add_pix: pixels that are added to both edges after that.
        bbox_clip_border: cut boxes at the border of the window.

    Raises:
        ConfigError: an argument that the mode needs is missing, or has another value.
    """

    def __init__(
        self,
        crop_size: tuple[int, int] | None = None,
        ratios: Sequence[float] | None = (0.9, 1.0, 1.1),
        border: int | None = 128,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        to_rgb: bool | None = None,
        test_mode: bool = False,
        test_pad_mode: tuple[str, int] | None = ('logical_or', 127),
        test_pad_add_pix: int = 0,
        bbox_clip_border: bool = True,
    ) -> None:
        if mean is None or to_rgb is None:
            raise ConfigError('RandomCenterCropPad: mean and to_rgb are needed')
        if (crop_size is None) != test_mode:
            needed = 'None is expected with test_mode=True' if test_mode else '(w, h) is needed'
            raise ConfigError(f'RandomCenterCropPad.crop_size: {needed}, found {crop_size!r}')
        if test_mode:
            self.pad_mode, self.pad_value = _pad_mode(test_pad_mode)
        else:
            _check_given(ratios=ratios, border=border)
            self.crop_size = pixel_size('RandomCenterCropPad.crop_size', crop_size)
            self.ratios = list(ratios)
        self.border = border
        self.test_mode = test_mode
        self.test_pad_add_pix = test_pad_add_pix
        self.fill = tuple(mean)[::-1] if to_rgb else tuple(mean)
        self.bbox_clip_border = bbox_clip_border

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        img = results['img']
        height, width = img.shape[:2]
        boxes = {key: results[key] for key in BOX_KEYS if key in results}
        if self.test_mode:
            window = self.around_picture(width, height)
        else:
            window = self.draw(width, height, np.concatenate([*boxes.values(), _NO_BOXES]))
        if window is None:
            return None
        size, offset = window
        canvas = filled(size, self.fill, img.dtype)
        paste(canvas, img, offset)
        set_image(results, canvas)
        if self.test_mode:
            inside = results.get('border', np.array([0, height, 0, width], np.float32))
            results['border'] = inside + np.float32(offset)[[1, 1, 0, 0]]
        seen = _seen(size, offset, (width, height))
        for key, bboxes in boxes.items():
            moved = translate_bboxes(bboxes, offset)
            kept = centers_inside(bboxes, seen)[0] & overlaps_patch(moved, (0, 0, *size))
            set_boxes(
                results, key, clip_bboxes(moved, size) if self.bbox_clip_border else moved, kept
            )
        return results

    def around_picture(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Returns what `draw` does, for a window with all of the picture in its middle."""
        if self.pad_mode == 'logical_or':
            size = width | self.pad_value, height | self.pad_value
        else:
            size = (-(-side // self.pad_value) * self.pad_value for side in (width, height))
        size = tuple(side + self.test_pad_add_pix for side in size)
        return size, (size[0] // 2 - width // 2, size[1] // 2 - height // 2)

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


def _pad_mode(value: Any) -> tuple[str, int]:
    """Returns the two parts of `test_pad_mode`.

    Raises:
        ConfigError: it has others.
    """
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not (is_pair and value[0] in _PAD_MODES and isinstance(value[1], int) and value[1] > 0):
        raise ConfigError(
            "RandomCenterCropPad.test_pad_mode: ('logical_or', n) or ('size_divisor', n) with a "
            f'whole number n above 0 is expected, found {value!r}'
        )
    return value[0], value[1]


def _check_given(**arguments: Any) -> None:
    for name, value in arguments.items():
        if value is None:
            raise ConfigError(
                f'RandomCenterCropPad.{name}: None is only for test_mode=True; leave it out, or '
                'give a value'
            )


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
