"""GridAssigner by hand; goldens are in test_golden_assigners.py."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlite.ops.assignment import BACKGROUND, IGNORE
from mmlite.ops.grid_assigner import GridAssigner
from mmlite.ops.priors import YOLOAnchorGenerator

# squares of 8 and 16 pixels in 2 x 2 cells of 16 pixels: priors 0 and 1 are of the first cell
PRIORS, COUNTS = YOLOAnchorGenerator([16], [[(8, 8), (16, 16)]])([(2, 2)], torch.zeros(()))


def assigned(*bboxes: list[float], **changes) -> list[int]:
    args = dict(pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.0)
    gt_bboxes = Tensor(bboxes).reshape(-1, 4)
    return GridAssigner(**{**args, **changes})(PRIORS, COUNTS, gt_bboxes).indices.tolist()


def test_only_the_cell_with_the_centre_has_the_box() -> None:
    # 16 x 16 around (16, 16), which is the first point of the last cell: it overlaps each of the
    # four large squares by 64 of 448 pixels, but only the last cell, priors 6 and 7, can have it;
    # its IoU with the small square there, 4..12 from the corner, is 16 / 304
    found = assigned([8, 8, 24, 24])
    assert found == [BACKGROUND] * 7 + [0]


def test_a_box_takes_its_best_anchor_and_others_that_overlap_enough() -> None:
    # 12 x 12 around the middle of the first cell: IoU 64 / 144 and 144 / 256 = 0.5625
    assert assigned([2, 2, 14, 14]) == [BACKGROUND, 0] + [BACKGROUND] * 6
    assert assigned([2, 2, 14, 14], pos_iou_thr=0.4)[:2] == [0, 0]
    # one that overlaps more than neg_iou_thr, and has no object, is ignored
    assert assigned([2, 2, 14, 14], neg_iou_thr=0.4)[:2] == [IGNORE, 0]
    assert assigned([2, 2, 14, 14], min_pos_iou=0.6, pos_iou_thr=0.6)[:2] == [BACKGROUND, IGNORE]


def test_a_range_leaves_anchors_far_from_all_boxes_out() -> None:
    found = assigned([2, 2, 14, 14], neg_iou_thr=(0.2, 0.5))
    assert found == [BACKGROUND, 0] + [IGNORE] * 6


def test_of_two_boxes_in_a_cell_the_last_takes_the_anchor_that_both_want() -> None:
    # IoU 0.5625 and 196 / 256 with the large square
    assert assigned([2, 2, 14, 14], [1, 1, 15, 15])[:2] == [BACKGROUND, 1]
    assert assigned([1, 1, 15, 15], [2, 2, 14, 14])[:2] == [BACKGROUND, 1]


def test_equal_anchors_share_a_box_or_only_the_first_has_it() -> None:
    # 16 x 8: IoU 64 / 128 with the small and 128 / 256 with the large square
    assert assigned([0, 4, 16, 12])[:2] == [0, 0]
    assert assigned([0, 4, 16, 12], gt_max_assign_all=False)[:2] == [0, BACKGROUND]


def test_without_boxes_all_is_background() -> None:
    assert assigned() == [BACKGROUND] * 8
    assert assigned(neg_iou_thr=(0.2, 0.5)) == [BACKGROUND] * 8
