"""Several pictures on one: where each lies, and the boxes that are still seen.

Sizes and places are (w, h) and (x, y) in pixels; a sample is a `results` dict of the pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.geometry import (
    clip_bboxes,
    flip_bboxes,
    flip_image,
    overlaps_patch,
    resize_image,
    translate_bboxes,
)
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_boxes, set_image


def filled(size: tuple[int, int], fill: Sequence[float], dtype: np.dtype = np.uint8) -> np.ndarray:
    """Returns a canvas of `size` (w, h) in one BGR colour."""
    # one number is written twenty times as fast as a row of three
    value = fill[0] if len(set(fill)) == 1 else fill
    return np.full((*size[::-1], 3), value, dtype)


def fitted_image(img: np.ndarray, scale: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Returns the largest picture of the same ratio in `scale` (w, h), and its exact factor."""
    height, width = img.shape[:2]
    factor = min(scale[0] / width, scale[1] / height)
    size = max(1, int(width * factor)), max(1, int(height * factor))
    return resize_image(img, size), factor


def mosaic(
    results: dict[str, Any],
    samples: Sequence[dict[str, Any]],
    center: tuple[int, int],
    scale: tuple[int, int],
    fill: Sequence[float],
    clip: bool,
) -> dict[str, Any]:
    """Makes `results` four samples, each with a corner at `center`.

    Args:
        results: gets the picture and the boxes.
        samples: pictures that fit into `scale`, their boxes and labels; see `mosaic_offset`.
        center: (x, y) on the canvas.
        scale: (w, h) of a quarter of the canvas.
        fill: BGR of what no picture covers.
        clip: cut boxes at the border of the canvas.
    """
    width, height = scale
    canvas = filled((2 * width, 2 * height), fill, results['img'].dtype)
    parts = []
    for position, sample in enumerate(samples):
        offset = mosaic_offset(position, center, sample['img'].shape[1::-1])
        paste(canvas, sample['img'], offset)
        parts.append(moved_boxes(sample, np.ones(2, np.float32), offset))
    return merged(results, canvas, parts, clip)


def mosaic_offset(position: int, center: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Returns (x, y) of a picture of `size` (w, h) that touches `center` with a corner.

    Position 0 is top left of it, 1 top right, 2 bottom left, 3 bottom right.
    """
    x = center[0] if position % 2 else center[0] - size[0]
    y = center[1] if position >= 2 else center[1] - size[1]
    return x, y


def resized_canvas(
    picture: np.ndarray, scale: tuple[int, int], size: tuple[int, int], fill: Sequence[float]
) -> np.ndarray:
    """Returns a canvas of `scale` (w, h), the picture at its top left, resized to `size` (w, h)."""
    canvas = filled(scale, fill, picture.dtype)
    paste(canvas, picture, (0, 0))
    return resize_image(canvas, size)


def blended(
    results: dict[str, Any],
    second: np.ndarray,
    boxes: dict[str, np.ndarray],
    flip: bool,
    offset: tuple[int, int],
    fill: Sequence[float],
    clip: bool,
) -> dict[str, Any]:
    """Makes `results` the mean of its picture and a second one, with the boxes of both.

    Args:
        results: the first.
        second: the other picture (h, w, 3).
        boxes: its boxes and labels.
        flip: mirror the second.
        offset: (x, y) of the second on the first; what sticks out is cut off.
        fill: BGR of what the second does not cover.
        clip: cut boxes at the border of the first.
    """
    img = results['img']
    if flip:
        boxes = {
            key: flip_bboxes(value, second.shape[1::-1]) if key in BOX_KEYS else value
            for key, value in boxes.items()
        }
        second = flip_image(second)
    canvas = filled(img.shape[1::-1], fill, img.dtype)
    paste(canvas, second, offset)
    boxes = {
        key: translate_bboxes(value, offset) if key in BOX_KEYS else value
        for key, value in boxes.items()
    }
    own = {key: results[key] for key in (*BOX_KEYS, 'gt_labels') if key in results}
    mean = ((img.astype(np.float32) + canvas) / 2).astype(img.dtype)
    return merged(results, mean, [own, boxes], clip)


def paste(canvas: np.ndarray, img: np.ndarray, offset: tuple[int, int]) -> None:
    """Puts the picture at `offset` (x, y); what lies beyond the canvas is cut off."""
    x, y = offset
    x1, y1 = max(x, 0), max(y, 0)
    x2, y2 = min(x + img.shape[1], canvas.shape[1]), min(y + img.shape[0], canvas.shape[0])
    if x2 > x1 and y2 > y1:
        canvas[y1:y2, x1:x2] = img[y1 - y : y2 - y, x1 - x : x2 - x]


def moved_boxes(
    sample: dict[str, Any], factor: np.ndarray, offset: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Returns the boxes times `factor` (2,) moved by `offset` (x, y), and the labels."""
    boxes = {
        key: translate_bboxes(sample[key] * np.tile(factor, 2), offset)
        for key in BOX_KEYS
        if key in sample
    }
    return boxes | {key: sample[key] for key in ('gt_labels',) if key in sample}


def merged(
    results: dict[str, Any], img: np.ndarray, parts: Sequence[dict[str, np.ndarray]], clip: bool
) -> dict[str, Any]:
    """Puts the picture and all the boxes that it shows into `results`."""
    set_image(results, img)
    size = img.shape[1::-1]
    results.update({key: np.concatenate([part[key] for part in parts]) for key in parts[0]})
    for key in BOX_KEYS:
        if key in parts[0]:
            bboxes = results[key]
            seen = overlaps_patch(bboxes, (0, 0, *size))
            set_boxes(results, key, clip_bboxes(bboxes, size) if clip else bboxes, seen)
    return results
