"""Mosaic and MixUp: several samples become one.

Both say with `get_indexes(dataset)` which further samples they want; MultiImageMixDataset puts
those into `results['mix_results']`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import check_probability, fill_value, pixel_size
from mmlite.datasets.transforms.geometry import (
    clip_bboxes,
    flip_bboxes,
    flip_image,
    overlaps_patch,
    resize_image,
    translate_bboxes,
)
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_image
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
        if not 0 <= center_ratio_range[0] <= center_ratio_range[1] <= 2:
            raise ConfigError(
                'Mosaic.center_ratio_range: (least, greatest) within 0 to 2 is expected, found '
                f'{center_ratio_range!r}'
            )
        self.img_scale = _whole_size('Mosaic.img_scale', img_scale)
        self.center_ratio_range = center_ratio_range
        self.bbox_clip_border = bbox_clip_border
        self.pad_val = fill_value('Mosaic.pad_val', pad_val)
        self.prob = prob

    def get_indexes(self, dataset: Any) -> list[int]:
        """Returns the indices of three further samples."""
        return np.random.randint(len(dataset), size=3).tolist()

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.random() >= self.prob:
            return results
        samples = [results, *_mixed(results, 3, 'Mosaic')]
        width, height = self.img_scale
        center = tuple(
            int(np.random.uniform(*self.center_ratio_range) * side) for side in self.img_scale
        )
        canvas = np.full((2 * height, 2 * width, 3), self.pad_val, results['img'].dtype)
        parts = []
        for position, sample in enumerate(samples):
            img, factor = _fitted(sample['img'], self.img_scale)
            offset = mosaic_offset(position, center, img.shape[1::-1])
            _paste(canvas, img, offset)
            parts.append(_moved_boxes(sample, factor, offset))
        return _merged(results, canvas, parts, self.bbox_clip_border)


def mosaic_offset(position: int, center: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Returns (x, y) of a picture of `size` (w, h) that touches `center` with a corner.

    Position 0 is top left of it, 1 top right, 2 bottom left, 3 bottom right.
    """
    x = center[0] if position % 2 else center[0] - size[0]
    y = center[1] if position >= 2 else center[1] - size[1]
    return x, y


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
        self.img_scale = _whole_size('MixUp.img_scale', img_scale)
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
        canvas = np.full((*self.img_scale[::-1], 3), self.pad_val, img.dtype)
        _paste(canvas, picture, (0, 0))
        size = tuple(max(1, int(side * jitter)) for side in self.img_scale)
        canvas = resize_image(canvas, size)
        boxes = _moved_boxes(other, factor * np.float32(np.divide(size, self.img_scale)), (0, 0))
        if np.random.random() < self.flip_ratio:
            canvas = flip_image(canvas)
            boxes = {
                key: flip_bboxes(value, size) if key in BOX_KEYS else value
                for key, value in boxes.items()
            }
        # where the second is larger a patch of it is drawn, where it is smaller it lies top left
        offset = tuple(
            -np.random.randint(max(0, canvas.shape[1 - axis] - img.shape[1 - axis]) + 1)
            for axis in (0, 1)
        )
        second = np.full(img.shape, self.pad_val, img.dtype)
        _paste(second, canvas, offset)
        boxes = {
            key: translate_bboxes(value, offset) if key in BOX_KEYS else value
            for key, value in boxes.items()
        }
        own = {key: results[key] for key in (*BOX_KEYS, 'gt_labels') if key in results}
        mixed = ((img.astype(np.float32) + second) / 2).astype(img.dtype)
        return _merged(results, mixed, [own, boxes], self.bbox_clip_border)


def _whole_size(at: str, value: tuple[int, int]) -> tuple[int, int]:
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
    height, width = img.shape[:2]
    factor = min(scale[0] / width, scale[1] / height)
    size = max(1, int(width * factor)), max(1, int(height * factor))
    return resize_image(img, size), np.float32([size[0] / width, size[1] / height])


def _paste(canvas: np.ndarray, img: np.ndarray, offset: tuple[int, int]) -> None:
    """Puts the picture at `offset` (x, y); what lies beyond the canvas is cut off."""
    x, y = offset
    x1, y1 = max(x, 0), max(y, 0)
    x2, y2 = min(x + img.shape[1], canvas.shape[1]), min(y + img.shape[0], canvas.shape[0])
    if x2 > x1 and y2 > y1:
        canvas[y1:y2, x1:x2] = img[y1 - y : y2 - y, x1 - x : x2 - x]


def _moved_boxes(
    sample: dict[str, Any], factor: np.ndarray, offset: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Returns the boxes times `factor` (2,) moved by `offset` (x, y), and the labels."""
    boxes = {
        key: translate_bboxes(sample[key] * np.tile(factor, 2), offset)
        for key in BOX_KEYS
        if key in sample
    }
    return boxes | {key: sample[key] for key in ('gt_labels',) if key in sample}


def _merged(
    results: dict[str, Any], img: np.ndarray, parts: Sequence[dict[str, np.ndarray]], clip: bool
) -> dict[str, Any]:
    """Puts the picture and all the boxes that it shows into `results`."""
    set_image(results, img)
    size = img.shape[1::-1]
    merged = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    seen = {key: overlaps_patch(merged[key], (0, 0, *size)) for key in BOX_KEYS if key in merged}
    if 'gt_labels' in merged and 'gt_bboxes' in seen:
        results['gt_labels'] = merged['gt_labels'][seen['gt_bboxes']]
    for key, kept in seen.items():
        bboxes = merged[key][kept]
        results[key] = clip_bboxes(bboxes, size) if clip else bboxes
    return results
