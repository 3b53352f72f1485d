"""ATSSAssigner on boxes in a row, whose IoUs are worked out beside them."""

from __future__ import annotations

import torch
from torch import Tensor

from mmlite.ops import assigners
from mmlite.ops.assigners import BACKGROUND, IGNORE, ATSSAssigner
from tests.ops.test_assigners import assign, bars


def test_threshold_is_mean_and_standard_deviation_of_the_candidates():
    # the box is 10..20; the four nearest centres are those of 10..20, 8..18, 14..24 and 4..14
    priors = bars((10, 20), (8, 18), (14, 24), (4, 14), (40, 50))
    box = bars((10, 20))
    # IoUs 1, 8/12, 6/14, 4/16: mean 0.586, deviation 0.323 (of a sample): threshold 0.909
    assert assign(ATSSAssigner(topk=4), priors, box) == [0, -1, -1, -1, -1]
    # of the nearest two: 1 and 0.667: mean 0.833, deviation 0.236: 1.07 is reached by none
    assert assign(ATSSAssigner(topk=2), priors, box) == [-1] * 5


def test_the_centre_of_a_positive_lies_in_the_box():
    # 0..40 is the best overlap of 12..40 by far (28/40), but its centre 20 lies inside: positive;
    # of 24..40 (16/40, below mean + deviation) it does not
    priors = bars((0, 40), (100, 110), (120, 130))
    assert assign(ATSSAssigner(topk=3), priors, bars((12, 40))) == [0, -1, -1]
    assert assign(ATSSAssigner(topk=3), priors, bars((24, 40))) == [-1, -1, -1]


def test_candidates_come_from_each_level():
    # two levels of two; topk 1 takes the nearest of each: 10..20 (IoU 1) and 0..40 (10/40)
    priors = bars((10, 20), (30, 40), (0, 40), (40, 80))
    box = bars((10, 20))
    inds = ATSSAssigner(topk=1)._nearest(
        torch.cdist(Tensor([[15, 0.5]]), (priors[:, :2] + priors[:, 2:]) / 2), [2, 2]
    )
    assert inds.tolist() == [[0, 2]]
    # threshold 0.625 + 0.53 > 1: none
    assert ATSSAssigner(topk=1)(priors, [2, 2], box).indices.tolist() == [-1] * 4


def test_a_prior_wanted_twice_goes_to_the_larger_overlap():
    priors = bars((0, 10), (100, 110), (200, 210), (300, 310))
    gts = bars((0, 8), (0, 9))  # IoU 0.8 and 0.9, all others 0
    assert assign(ATSSAssigner(topk=4), priors, gts) == [1, -1, -1, -1]
    assert assign(ATSSAssigner(topk=4), priors, gts.flip(0)) == [0, -1, -1, -1]


def test_ignored_regions_and_no_boxes():
    priors = bars((0, 10), (100, 110), (200, 210), (300, 310))
    assigner = ATSSAssigner(topk=4, ignore_iof_thr=0.5)
    assert assign(assigner, priors, bars(), bars((0, 8))) == [IGNORE] + [BACKGROUND] * 3
    # a box gets an ignored prior only where its level has fewer than topk others, as in mmdet
    assert assign(assigner, priors, bars((0, 10)), bars((0, 8)))[0] == 0
    assigner = ATSSAssigner(topk=3, ignore_iof_thr=0.5)
    assert assign(assigner, priors, bars((0, 10)), bars((0, 8)))[0] == IGNORE


def test_many_boxes_in_chunks(monkeypatch):
    torch.manual_seed(0)
    start = torch.rand(30) * 50
    gts = bars(*zip(start.tolist(), (start + 4 + torch.rand(30) * 10).tolist(), strict=True))
    priors = bars(*((x, x + 8) for x in range(60)))
    whole = assign(ATSSAssigner(topk=5), priors, gts)
    assert len(set(whole)) > 5
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', 4 * len(priors))
    assert assign(ATSSAssigner(topk=5), priors, gts) == whole


def test_candidates_are_the_nearest_of_the_priors_that_are_not_ignored():
    # without 10..20, which is ignored, the nearest three are 9..19 (IoU 9/11), 4..14 and 16..26
    # (4/16 both): mean 0.439, deviation 0.328, so 0.767 is asked for, and 9..19 has it; if 10..20
    # (IoU 1) took a place among the three, 1.08 would be asked for
    priors = bars((10, 20), (9, 19), (4, 14), (16, 26))
    box = bars((10, 20))
    found = ATSSAssigner(topk=3, ignore_iof_thr=0.95)(priors, [4], box, box)
    assert found.indices.tolist() == [IGNORE, 0, BACKGROUND, BACKGROUND]
