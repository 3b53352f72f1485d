"""Candidates and NMS on a handful of scores."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.ops.nms import best_of_each_class, multiclass_nms, select_candidates
from tests.nms_rules import hard, soft

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


def kept(labels, iou_thr=0.5, max_per_img=-1, **rule) -> list[int]:
    labels = Tensor(labels).long()
    keep, scores = multiclass_nms(
        BBOXES, SCORES_OF_BOXES, labels, hard(iou_thr, **rule), max_per_img
    )
    assert torch.equal(scores, SCORES_OF_BOXES[keep])
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
    keep, _ = multiclass_nms(bboxes, Tensor([0.9, 0.8]), Tensor([1, 2]).long(), hard(0.5), -1)
    assert keep.tolist() == [0, 1]


def test_max_per_img_keeps_the_best_over_all_classes():
    assert kept([1, 2, 3], max_per_img=2) == [1, 2]


def test_max_num_counts_what_nms_leaves():
    # the worst, box 0, is suppressed; of the two that are left one is cut
    assert kept([1, 1, 1], max_num=1) == [1]
    assert kept([1, 1, 1], max_num=3, max_per_img=1) == kept([1, 1, 1], max_num=1, max_per_img=3)


def test_without_classes_all_boxes_are_rivals():
    assert kept([1, 2, 3], class_agnostic=True) == [1, 2]


def test_a_pixel_more_on_each_side():
    # of 11 x 11 pixels each, they share 9 x 11: 99 / 143 = 0.69, not 80 / 120 = 0.67
    assert kept([1, 1, 1], iou_thr=0.68) == [1, 2, 0]
    assert kept([1, 1, 1], iou_thr=0.68, offset=1) == [1, 2]


# ---- soft NMS: the IoU of boxes 0 and 1 is 80 / 120 = 2/3 ---------------------------------------


def softened(bboxes, scores, labels=None, max_per_img=-1, **rule) -> list[tuple[int, float]]:
    labels = torch.ones(len(scores)).long() if labels is None else torch.tensor(labels)
    keep, decayed = multiclass_nms(
        Tensor(bboxes), Tensor(scores), labels, soft(**rule), max_per_img
    )
    return list(zip(keep.tolist(), decayed.tolist(), strict=True))


def of_three(**others) -> list[tuple[int, float]]:
    return softened(BBOXES, SCORES_OF_BOXES, **others)


def near(score: float):
    return pytest.approx(score, rel=1e-6)


@pytest.mark.parametrize(
    ('rule', 'score'),
    [
        (dict(), 0.5 * (1 - 2 / 3)),  # linear, from an IoU of 0.3 on
        (dict(iou_threshold=0.67), 0.5),
        (dict(method='gaussian'), 0.5 * 0.4111123),  # exp(-(2/3 * 2/3) / 0.5) = exp(-8/9)
        (dict(method='gaussian', sigma=1.0), 0.5 * 0.6411804),  # exp(-4/9)
    ],
)
def test_a_box_near_a_better_one_loses_score(rule: dict, score: float):
    assert of_three(**rule) == [(1, near(0.9)), (2, near(0.7)), (0, near(score))]


def test_naive_leaves_it_out_and_min_score_too():
    expected = [(1, near(0.9)), (2, near(0.7))]
    assert of_three(method='naive', min_score=0) == expected
    assert of_three(min_score=0.17) == expected  # 0.5 / 3 = 0.167
    assert len(of_three(min_score=0.166)) == 3


def test_who_decays_is_asked_after_each_step():
    # boxes 0 and 1, and 1 and 2, have an IoU of 50 / 150; 0 and 2 of 0
    row = [[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]]
    # box 1 falls to 0.8 * 2/3 = 0.533, so box 2 is next, and box 1 falls to 0.533 * 2/3
    expected = [(0, near(0.9)), (2, near(0.7)), (1, near(0.8 * 4 / 9))]
    assert softened(row, [0.9, 0.8, 0.7]) == expected
    assert softened(row, [0.9, 0.8, 0.7], max_per_img=2) == expected[:2]
    assert softened(row, [0.9, 0.8, 0.7], max_num=1, max_per_img=2) == expected[:1]


def test_soft_nms_decays_at_the_threshold_and_hard_nms_keeps():
    half = [[0, 0, 10, 10], [0, 0, 10, 5]]  # an IoU of 0.5
    assert softened(half, [0.9, 0.8], iou_threshold=0.5) == [(0, near(0.9)), (1, near(0.4))]
    assert softened(half, [0.9, 0.8], method='naive', iou_threshold=0.5) == [(0, near(0.9))]
    keep, _ = multiclass_nms(Tensor(half), Tensor([0.9, 0.8]), torch.ones(2), hard(0.5), -1)
    assert keep.tolist() == [0, 1]


def test_classes_do_not_soften_each_other():
    as_found = [(1, near(0.9)), (2, near(0.7)), (0, near(0.5))]
    assert of_three(labels=[1, 2, 2]) == as_found
    assert of_three(labels=[1, 2, 2], class_agnostic=True)[2] == (0, near(0.5 / 3))
    # shared 9 * 11 of 143 pixels: 1 - 99 / 143 is left
    assert of_three(offset=1)[2] == (0, near(0.5 * 44 / 143))


def test_few_equal_and_empty_boxes():
    assert softened(torch.zeros(0, 4), []) == []
    assert softened([[0, 0, 10, 10]], [0.5]) == [(0, near(0.5))]
    # linear leaves nothing of an equal box, which is no detection even without a limit
    assert softened([[0, 0, 10, 10]] * 2, [0.5, 0.6], min_score=0) == [(1, near(0.6))]
    # exp(-1 / 0.5) of it
    equal = softened([[0, 0, 10, 10]] * 2, [0.5, 0.6], method='gaussian')
    assert equal == [(1, near(0.6)), (0, near(0.5 * 0.1353353))]


@pytest.mark.parametrize('method', ['linear', 'gaussian', 'naive'])
@pytest.mark.filterwarnings('error')
def test_odd_boxes_spoil_no_score(method: str):
    nan, inf = float('nan'), float('inf')
    boxes = [[5, 5, 5, 5], [5, 5, 5, 5], [nan] * 4, [-inf, 0, inf, 9], [0, 0, 1e30, 1e30]]
    found = softened(boxes, [0.5, 0.6, 0.7, nan, 0.8], method=method)
    # none has an area in common with another; a score of NaN is left out
    assert found == [(4, near(0.8)), (2, near(0.7)), (1, near(0.6)), (0, near(0.5))]


def test_scores_keep_their_type_and_place():
    half = SCORES_OF_BOXES.half().requires_grad_()
    keep, decayed = multiclass_nms(BBOXES, half, torch.ones(3), soft(), -1)
    assert (keep.dtype, decayed.dtype) == (torch.int64, torch.float16)
    assert SCORES_OF_BOXES.tolist() == near([0.5, 0.9, 0.7])  # of the caller: as they were


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
