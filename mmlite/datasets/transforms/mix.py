"""Mosaic and MixUp: several samples become one.

Both say with `get_indexes(dataset)` which further samples they want; MultiImageMixDataset puts
those into `results['mix_results']`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import check_probability, fill_value, pixel_size
from mmlite.datasets.transforms.canvas import (
    blended,
    fitted_image,
    mosaic,
    moved_boxes,
    resized_canvas,
)
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Mosaic:
    """Four pictures around a random centre, on a canvas of twice the size (YOLOv4, section 3.3).

    Each is fitted into `img_scale` and touches the centre with a corner; the first sample lies top
    left. What sticks out of the canvas is cut off.

    Args:
        img_scale: (w, h) of a quarter of the canvas.
        center_ratio_range: the centre's x and y in quarters.
        bbox_clip_border: cut boxes at the border of the canvas.
        pad_val: of what no picture covers, as of Pad.
        prob: how likely it is done at all.

    Raises:
        ConfigError: an argument out of its range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int] = (640, 640),
        center_ratio_range: tuple[float, float] = (0.5, 1.5),
        bbox_clip_border: bool = True,
        pad_val: float | Sequence[float] | dict = 114.0,
        prob: float = 1.0,
    ) -> None:
        check_probability('Mosaic.prob', prob)
        self.img_scale = whole_size('Mosaic.img_scale', img_scale)
        self.center_ratio_range = check_center('Mosaic', center_ratio_range)
        self.bbox_clip_border = bbox_clip_border
        self.pad_val = fill_value('Mosaic.pad_val', pad_val)
        self.prob = prob

    def get_indexes(self, dataset: Any) -> list[int]:
        """Returns the indices of three further samples."""
        return np.random.randint(len(dataset), size=3).tolist()

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        samples = []
        for sample in (results, *_mixed(results, 3, 'Mosaic')):
            img, factor = _fitted(sample['img'], self.img_scale)
            samples.append(dict(img=img, **moved_boxes(sample, factor, (0, 0))))
        center = draw_center(self.center_ratio_range, self.img_scale)
        return mosaic(results, samples, center, self.img_scale, self.pad_val, self.bbox_clip_border)


@TRANSFORMS.register_module()
class MixUp:
    """The mean of two pictures, with the boxes of both (YOLOX, Ge et al. 2021, section 2.1).

    The second is fitted into `img_scale`, scaled by a random factor, flipped or not, and cut or
    padded to the size of the first at a random place.

    Args:
        img_scale: (w, h).
        ratio_range: (least, greatest) factor.
        flip_ratio: how likely the second is flipped.
        pad_val: beside the second picture, as of Pad.
        max_iters: how many samples are tried until one has a box.
        bbox_clip_border: cut boxes at the border of the picture.
    """

    def __init__(
        self,
        img_scale: tuple[int, int] = (640, 640),
        ratio_range: tuple[float, float] = (0.5, 1.5),
        flip_ratio: float = 0.5,
        pad_val: float | Sequence[float] | dict = 114.0,
        max_iters: int = 15,
        bbox_clip_border: bool = True,
    ) -> None:
        self.img_scale = whole_size('MixUp.img_scale', img_scale)
        self.ratio_range = ratio_range
        self.flip_ratio = flip_ratio
        self.pad_val = fill_value('MixUp.pad_val', pad_val)
        self.max_iters = max_iters
        self.bbox_clip_border = bbox_clip_border

    def get_indexes(self, dataset: Any) -> list[int]:
        """Returns the index of one further sample, with a box if possible."""
        for _ in range(self.max_iters):
            index = np.random.randint(len(dataset))
            if len(dataset.get_data_info(index)['ann']['bboxes']):
                break
        return [index]

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        (other,) = _mixed(results, 1, 'MixUp')
        if not len(other['gt_bboxes']):
            return results
        img = results['img']
        picture, factor = _fitted(other['img'], self.img_scale)
        jitter = np.random.uniform(*self.ratio_range)
        size = tuple(max(1, int(side * jitter)) for side in self.img_scale)
        boxes = moved_boxes(other, factor * np.float32(np.divide(size, self.img_scale)), (0, 0))
        flip = np.random.random() < self.flip_ratio
        # where the second is larger a patch of it is drawn, where it is smaller it lies top left
        offset = tuple(
            -np.random.randint(max(0, size[axis] - img.shape[1 - axis]) + 1) for axis in (0, 1)
        )
        canvas = resized_canvas(picture, self.img_scale, size, self.pad_val)
        return blended(results, canvas, boxes, flip, offset, self.pad_val, self.bbox_clip_border)


def check_center(name: str, value: tuple[float, float]) -> tuple[float, float]:
    """Returns a `center_ratio_range`; raises ConfigError unless it lies within 0 to 2."""
    if not 0 <= value[0] <= value[1] <= 2:
        raise ConfigError(
            f'{name}.center_ratio_range: (least, greatest) within 0 to 2 is expected, found '
            f'{value!r}'
        )
    return value


def draw_center(ratio_range: tuple[float, float], scale: tuple[int, int]) -> tuple[int, int]:
    """Returns the (x, y) of a Mosaic's centre, drawn between two shares of `scale` (w, h)."""
    return tuple(int(np.random.uniform(*ratio_range) * side) for side in scale)


def whole_size(at: str, value: tuple[int, int]) -> tuple[int, int]:
    """Returns (w, h) in whole pixels; raises ConfigError where it is no size."""
    return tuple(map(int, pixel_size(at, value)))


def _mixed(results: dict[str, Any], count: int, name: str) -> list[dict]:
    others = results.get('mix_results')
    if others is None or len(others) != count:
        raise ConfigError(
            f'{name}: it needs {count} further samples: put it into the pipeline of a '
            'MultiImageMixDataset, after the loading transforms of the data set inside'
        )
    return others


def _fitted(img: np.ndarray, scale: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the largest picture of the same ratio in `scale` (w, h), and new / old (2,)."""
    picture, _ = fitted_image(img, scale)
    return picture, np.float32(np.divide(picture.shape[1::-1], img.shape[1::-1]))
