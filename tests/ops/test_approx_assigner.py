"""A prior counts as the best of the boxes around it."""

from __future__ import annotations

import torch

from mmlite.ops.approx_assigner import ApproxMaxIoUAssigner
from mmlite.ops.assigners import BACKGROUND, IGNORE

PRIORS = torch.tensor([[0.0, 0, 4, 4], [20, 20, 24, 24], [40, 40, 48, 48]])
# what is added: nothing, or 2 to each side
SHIFTS = [torch.tensor([[0.0, 0, 0, 0], [-2, -2, 2, 2]]), torch.zeros(1, 4)]


def assigner(**changes: float) -> ApproxMaxIoUAssigner:
    found = ApproxMaxIoUAssigner(pos_iou_thr=0.5, neg_iou_thr=0.4, min_pos_iou=0.5, **changes)
    found.compare_around(SHIFTS)
    return found


def test_the_best_iou_of_the_boxes_around() -> None:
    boxes = torch.tensor([[18.0, 18, 26, 26], [0, 0, 2, 4]])
    ious = assigner().overlaps(boxes, PRIORS, [2, 1])
    # 8 x 8 is the second prior's larger box itself; 2 x 4 is half of the first prior
    assert ious.tolist() == [[0, 1, 0], [0.5, 0, 0]]


def test_assigned_by_it() -> None:
    boxes = torch.tensor([[18.0, 18, 26, 26], [40, 40, 45, 45]])
    found = assigner()(PRIORS, [2, 1], boxes, None)
    # 25 / 64 of the third prior: below both thresholds
    assert found.indices.tolist() == [BACKGROUND, 0, BACKGROUND]


def test_an_ignored_box_hides_the_prior_itself() -> None:
    boxes, ignored = torch.tensor([[18.0, 18, 26, 26]]), torch.tensor([[20.0, 20, 24, 24]])
    # all of the 4 x 4 prior is in it, a quarter of the box around it
    found = assigner(ignore_iof_thr=0.9)(PRIORS, [2, 1], boxes, ignored)
    assert found.indices.tolist() == [BACKGROUND, IGNORE, BACKGROUND]


def test_an_image_without_boxes() -> None:
    found = assigner()(PRIORS, [2, 1], torch.zeros(0, 4), None)
    assert found.indices.tolist() == [BACKGROUND] * 3
