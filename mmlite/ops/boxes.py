"""Functions on boxes (n, 4), xyxy, pixels. IoU itself is torchvision's `box_iou`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def box_iof(boxes: Tensor, regions: Tensor) -> Tensor:
    """Intersection over foreground: the share of each box that lies inside each region.

    Args:
        boxes: (n, 4).
        regions: (m, 4).

    Returns:
        (n, m) in [0, 1].
    """
    # (n, 1, 2), (1, m, 2) -> (n, m, 2)
    top_left = torch.maximum(boxes[:, None, :2], regions[None, :, :2])
    bottom_right = torch.minimum(boxes[:, None, 2:], regions[None, :, 2:])
    intersection = (bottom_right - top_left).clamp(min=0).prod(-1)  # (n, m, 2) -> (n, m)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)  # (n, 2) -> (n,)
    return intersection / area[:, None].clamp(min=1e-6)


def aligned_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union of boxes in the same place: (..., 4), (..., 4) -> (...).

    Never NaN, unlike torchvision's: boxes of no area have the IoU 0 with all others.
    """
    top_left = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    bottom_right = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    intersection = (bottom_right - top_left).clamp(min=0).prod(dim=-1)  # (..., 2) -> (...)
    area1 = (boxes1[..., 2:] - boxes1[..., :2]).prod(dim=-1)
    area2 = (boxes2[..., 2:] - boxes2[..., :2]).prod(dim=-1)
    return intersection / (area1 + area2 - intersection).clamp(min=1e-6)


def flip_boxes(boxes: Tensor, shape: tuple[int, ...], direction: str) -> Tensor:
    """Mirrors boxes (n, 4) in an image of `shape` (h, w, ...): x1' = w - x2, x2' = w - x1.

    Args:
        direction: 'horizontal', 'vertical', or 'diagonal' for both.
    """
    x1, y1, x2, y2 = boxes.unbind(dim=-1)
    if direction != 'vertical':
        x1, x2 = shape[1] - x2, shape[1] - x1
    if direction != 'horizontal':
        y1, y2 = shape[0] - y2, shape[0] - y1
    return torch.stack([x1, y1, x2, y2], dim=-1)


def clip_boxes(boxes: Tensor, shape: tuple[int, int]) -> Tensor:
    """Clips boxes (..., 4) to an image of `shape` (h, w)."""
    height, width = shape
    # (..., 4) -> (..., 2): x1, x2 and y1, y2
    x = boxes[..., 0::2].clamp(0, width)
    y = boxes[..., 1::2].clamp(0, height)
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], dim=-1)


def to_original(boxes: Tensor, img_meta: Mapping[str, Any]) -> Tensor:
    """Boxes (n, 4) in pixels of the network's input -> in pixels of the original image.

    Args:
        boxes: of an image that is not mirrored; of a mirrored one the result is mirrored too.
        img_meta: `scale_factor` (4,), by which the image was scaled, and, if it does not lie in the
            top left corner, `border`: where it begins and ends, (top, bottom, left, right).
    """
    if img_meta.get('border') is not None:
        top, _, left, _ = map(float, img_meta['border'])
        boxes = boxes - boxes.new_tensor([left, top, left, top])
    return boxes / boxes.new_tensor(img_meta['scale_factor'])


def to_input(boxes: Tensor, img_meta: Mapping[str, Any]) -> Tensor:
    """The inverse of `to_original`."""
    boxes = boxes * boxes.new_tensor(img_meta['scale_factor'])
    if img_meta.get('border') is None:
        return boxes
    top, _, left, _ = map(float, img_meta['border'])
    return boxes + boxes.new_tensor([left, top, left, top])
