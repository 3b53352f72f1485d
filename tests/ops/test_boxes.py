"""Shares of boxes and clipping, by hand."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlite.ops.boxes import box_iof, clip_boxes


def test_iof_is_a_share_of_the_box_not_of_the_union():
    boxes = Tensor([[0, 0, 10, 10], [5, 5, 7, 9], [20, 20, 30, 30]])
    regions = Tensor([[5, 0, 25, 10], [0, 0, 100, 100]])
    # 5x10 of 10x10; 2x4 of 2x4; nothing: the boxes lie apart both ways, and no product of two
    # negative sides may count
    assert box_iof(boxes, regions).tolist() == [[0.5, 1.0], [1.0, 1.0], [0.0, 1.0]]


def test_iof_of_a_box_without_area_is_zero():
    assert box_iof(Tensor([[3, 3, 3, 3]]), Tensor([[0, 0, 9, 9]])).tolist() == [[0.0]]


def test_clip_takes_height_then_width():
    boxes = Tensor([[[-5, -6, 500, 600]], [[1, 2, 3, 4]]])
    expected = Tensor([[[0, 0, 200, 100]], [[1, 2, 3, 4]]])
    assert torch.equal(clip_boxes(boxes, (100, 200)), expected)
