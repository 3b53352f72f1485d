"""SmallObjectCrop: a window around a small object, which Resize then enlarges."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import check_probability
from mmlite.datasets.transforms.expand_crop import crop_to_patch
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


@TRANSFORMS.register_module()
class SmallObjectCrop:
    """Crops `img` to a window with one of its small boxes in it, drawn at random.

    A data set shows small objects oftener and larger that way: the Resize that follows enlarges
    all that the window holds. The window has the shape of the picture, and lies at a random place
    around the box. Boxes with their centre outside are dropped. A picture without a small box is
    left as it is.

    Args:
        max_size: a box is small if the root of its area is at most that, in pixels of `img`: 32
            is COCO's, for pictures of their original size.
        size_range: least and greatest edge of the window, in edges of the picture.
        prob: how likely it is done at all.
        bbox_clip_border: cut boxes at the border of the window.

    Raises:
        ConfigError: an argument out of its range.
    """

    takes_window = True

    def __init__(
        self,
        max_size: float = 32,
        size_range: tuple[float, float] = (0.4, 0.8),
        prob: float = 0.5,
        bbox_clip_border: bool = True,
    ) -> None:
        if max_size < 1:
            raise ConfigError(
                f'SmallObjectCrop.max_size: pixels from 1 up are expected, found {max_size!r}'
            )
        if len(size_range) != 2 or not 0 < size_range[0] <= size_range[1] <= 1:
            raise ConfigError(
                'SmallObjectCrop.size_range: (least, greatest) within 0 to 1 is expected, found '
                f'{size_range!r}'
            )
        check_probability('SmallObjectCrop.prob', prob)
        self.max_size = max_size
        self.size_range = size_range
        self.prob = prob
        self.bbox_clip_border = bbox_clip_border

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        bboxes = results['gt_bboxes']
        areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(axis=1)
        small = np.flatnonzero(areas <= self.max_size**2)
        if not len(small):
            return results
        patch = self.draw(results['img'].shape[1::-1], bboxes[np.random.choice(small)])
        return crop_to_patch(results, patch, self.bbox_clip_border)

    def draw(self, size: tuple[int, int], bbox: np.ndarray) -> np.ndarray:
        """Returns a patch (4,) of a picture of `size` (w, h) that holds the box (4,).

        At least its centre, where the box is longer than the window.
        """
        picture = np.array(size)
        window = np.maximum((picture * np.random.uniform(*self.size_range)).astype(np.int64), 1)
        center, wh = (bbox[:2] + bbox[2:]) / 2, bbox[2:] - bbox[:2]
        half = np.minimum(wh, window) / 2  # what has to be inside on either side of the centre
        places = np.array([np.ceil(center + half) - window, np.floor(center - half)])
        low, high = np.clip(places, 0, picture - window)
        left_top = np.random.randint(low, np.maximum(low, high) + 1)
        return np.concatenate([left_top, left_top + window])
