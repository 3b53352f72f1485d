"""Candidates and NMS on a handful of scores."""

from __future__ import annotations

import pytest
from torch import Tensor

from mmlite.ops.nms import best_of_each_class, multiclass_nms, select_candidates

# two levels of two and three priors, two classes
SCORES = Tensor([[0.9, 0.2], [0.3, 0.8], [0.05, 0.7], [0.6, 0.5], [0.1, 0.1]])


def pairs(*args) -> list[tuple[int, int]]:
    inds, labels = select_candidates(SCORES, [2, 3], *args)
    return list(zip(inds.tolist(), labels.tolist(), strict=True))


def test_candidates_are_pairs_above_the_threshold_level_by_level():
    # level 0: 0.9, 0.3, 0.8; then level 1: 0.7, 0.6, 0.5. 0.2 is not more than 0.2; labels from 1
    expected = [(0, 1), (1, 1), (1, 2), (2, 2), (3, 1), (3, 2)]
    assert pairs(Tensor([0.2]).item(), -1) == expected


def test_nms_pre_limits_each_level_by_pairs_not_by_priors():
    assert pairs(0.0, 2) == [(0, 1), (1, 2), (2, 2), (3, 1)]


def test_no_candidates():
    assert pairs(0.95, 10) == []


#          a             overlaps a by 8/12  lies apart
BBOXES = Tensor([[0, 0, 10, 10], [2, 0, 12, 10], [50, 50, 60, 60]])
SCORES_OF_BOXES = Tensor([0.5, 0.9, 0.7])


def kept(labels, iou_thr=0.5, max_per_img=-1) -> list[int]:
    keep = multiclass_nms(BBOXES, SCORES_OF_BOXES, Tensor(labels).long(), iou_thr, max_per_img)
    return keep.tolist()


def test_nms_within_a_class():
    assert kept([1, 1, 1]) == [1, 2]
    # IoU 8/12 is not above 0.7
    assert kept([1, 1, 1], iou_thr=0.7) == [1, 2, 0]


def test_classes_never_suppress_each_other():
    assert kept([1, 2, 1]) == [1, 2, 0]


def test_classes_never_suppress_each_other_outside_of_the_image():
    # torchvision moves class 2 by 100 + 1 from class 1, onto the first box: b + 101 = a
    bboxes = Tensor([[0, 0, 100, 100], [-101, -101, -1, -1]])
    keep = multiclass_nms(bboxes, Tensor([0.9, 0.8]), Tensor([1, 2]).long(), 0.5, -1)
    assert keep.tolist() == [0, 1]


def test_max_per_img_keeps_the_best_over_all_classes():
    assert kept([1, 2, 3], max_per_img=2) == [1, 2]


@pytest.mark.parametrize(
    ('count', 'expected'),
    [
        (1, [(0, 1), (1, 2)]),
        (2, [(0, 1), (3, 1), (1, 2), (2, 2)]),
        # class 1: 0.9, 0.6, 0.3; class 2: 0.8, 0.7, 0.5; 0.2 is not more than 0.2
        (9, [(0, 1), (3, 1), (1, 1), (1, 2), (2, 2), (3, 2)]),
    ],
)
def test_the_best_of_each_class(count: int, expected: list[tuple[int, int]]):
    inds, labels = best_of_each_class(SCORES, Tensor([0.2]).item(), count)
    assert list(zip(inds.tolist(), labels.tolist(), strict=True)) == expected


def test_the_best_of_no_candidates():
    inds, labels = best_of_each_class(SCORES, 0.95, 3)
    assert len(inds) == len(labels) == 0
