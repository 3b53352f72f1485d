"""MaxIoUAssigner on boxes in a row, whose IoUs are worked out beside them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.ops import assigners
from mmlite.ops.assigners import BACKGROUND, IGNORE, MaxIoUAssigner, chunks


def bars(*spans: tuple[float, float]) -> Tensor:
    """Boxes one pixel high, from x1 to x2: IoUs are those of the spans."""
    return Tensor([[x1, 0, x2, 1] for x1, x2 in spans]).reshape(-1, 4)


def assign(assigner: MaxIoUAssigner, priors, gt_bboxes, ignored=None) -> list[int]:
    return assigner(priors, [len(priors)], gt_bboxes, ignored).indices.tolist()


#            0        1        2         3         4
PRIORS = bars((0, 10), (2, 12), (6, 16), (20, 30), (40, 50))
GTS = bars((0, 10), (24, 34))
# IoU with box 0:  1      8/12     4/16     0         0
# IoU with box 1:  0      0        0        6/14      0


def test_thresholds():
    strict = MaxIoUAssigner(0.5, 0.3, match_low_quality=False)
    # 1 and 0.67 are positive, 0.25 and 0 background, 0.43 neither
    assert assign(strict, PRIORS, GTS) == [0, 0, BACKGROUND, IGNORE, BACKGROUND]


def test_the_positive_threshold_is_reached_the_negative_one_is_not_background():
    # IoU 1/2 exactly: (0, 10) and (0, 5)
    at_half = assign(MaxIoUAssigner(0.5, 0.5, match_low_quality=False), bars((0, 10)), bars((0, 5)))
    assert at_half == [0]
    between = MaxIoUAssigner(0.9, 0.5, match_low_quality=False)
    assert assign(between, bars((0, 10)), bars((0, 5))) == [IGNORE]


def test_a_pair_of_negative_thresholds_ignores_below_the_lower():
    pair = MaxIoUAssigner(0.5, (0.2, 0.3), match_low_quality=False)
    # only 0.25 lies in 0.2..0.3
    assert assign(pair, PRIORS, GTS) == [0, 0, BACKGROUND, IGNORE, IGNORE]


@pytest.mark.parametrize(('min_pos_iou', 'taken'), [(0.4, 1), (0.5, IGNORE)])
def test_a_box_takes_its_best_prior_from_min_pos_iou_on(min_pos_iou, taken):
    assigner = MaxIoUAssigner(0.5, 0.3, min_pos_iou=min_pos_iou)
    # box 1 is best met by prior 3, IoU 6/14 = 0.43
    assert assign(assigner, PRIORS, GTS) == [0, 0, BACKGROUND, taken, BACKGROUND]


def test_the_last_box_wins_a_shared_best_prior():
    priors = bars((0, 10), (100, 110))
    gts = bars((0, 7), (0, 8), (0, 6))  # IoU 0.7, 0.8, 0.6 with prior 0
    # above the threshold the best would be box 1, but each box takes prior 0 and the last keeps it
    assert assign(MaxIoUAssigner(0.5, 0.5), priors, gts) == [2, BACKGROUND]
    no_low = MaxIoUAssigner(0.5, 0.5, match_low_quality=False)
    assert assign(no_low, priors, gts) == [1, BACKGROUND]


@pytest.mark.parametrize(('take_all', 'expected'), [(True, [0, 0]), (False, [0, BACKGROUND])])
def test_equally_good_priors(take_all, expected):
    # (5, 15) meets (0, 10) and (10, 20) alike: IoU 5/15
    assigner = MaxIoUAssigner(0.5, 0.5, gt_max_assign_all=take_all)
    assert assign(assigner, bars((0, 10), (10, 20)), bars((5, 15))) == expected


def test_a_weak_box_does_not_take_where_only_the_first_may():
    # box 1 meets no prior: at min_pos_iou 0 it takes prior 0, the first of equals, as mmdet does
    priors, gts = bars((0, 10), (20, 30)), bars((20, 30), (70, 80))
    zero = MaxIoUAssigner(0.5, 0.5, min_pos_iou=0.0, gt_max_assign_all=False)
    assert assign(zero, priors, gts) == [1, 0]
    some = MaxIoUAssigner(0.5, 0.5, min_pos_iou=0.1, gt_max_assign_all=False)
    assert assign(some, priors, gts) == [BACKGROUND, 0]


def test_priors_inside_ignored_regions():
    # the region covers prior 0 wholly and 2 of 10 pixels of prior 1
    priors, gts, region = bars((0, 10), (8, 18), (50, 60)), bars((0, 9)), bars((0, 10))
    on = MaxIoUAssigner(0.5, 0.5, ignore_iof_thr=0.5, match_low_quality=False)
    assert assign(on, priors, gts, region) == [IGNORE, BACKGROUND, BACKGROUND]
    off = MaxIoUAssigner(0.5, 0.5, match_low_quality=False)
    assert assign(off, priors, gts, region) == [0, BACKGROUND, BACKGROUND]
    # and a box whose best prior is ignored does not take it back, but the best of the rest: 1/18
    low = MaxIoUAssigner(0.5, 0.5, min_pos_iou=0.01, ignore_iof_thr=0.5)
    assert assign(low, priors, gts, region) == [IGNORE, 0, BACKGROUND]


def test_share_of_the_ignored_region_instead_of_the_prior():
    priors, region = bars((0, 10), (90, 100)), bars((8, 12))
    # 2 of the prior's 10 pixels, but 2 of the region's 4
    of_prior = MaxIoUAssigner(0.5, 0.5, ignore_iof_thr=0.4)
    assert assign(of_prior, priors, bars(), region) == [BACKGROUND, BACKGROUND]
    of_region = MaxIoUAssigner(0.5, 0.5, ignore_iof_thr=0.4, ignore_wrt_candidates=False)
    assert assign(of_region, priors, bars(), region) == [IGNORE, BACKGROUND]


def test_without_boxes_all_is_background_but_what_is_ignored():
    assigner = MaxIoUAssigner(0.5, (0.2, 0.3), ignore_iof_thr=0.5)
    assert assign(assigner, PRIORS, bars()) == [BACKGROUND] * 5
    ignored = assign(assigner, PRIORS, bars(), bars((18, 32)))
    assert ignored == [BACKGROUND] * 3 + [IGNORE, BACKGROUND]


def test_matches_a_plain_loop():
    """The vectorised way against the words of the docstring, on many small draws."""
    torch.manual_seed(0)
    for draw in range(50):
        start = torch.randint(0, 30, (12, 1)).float()
        length = torch.randint(1, 12, (12, 1)).float()
        boxes = torch.cat([start, torch.zeros(12, 1), start + length, torch.ones(12, 1)], dim=1)
        priors, gts = boxes[:8], boxes[8:]
        assigner = MaxIoUAssigner(0.5, 0.4, 0.2, gt_max_assign_all=bool(draw % 2))
        assert assign(assigner, priors, gts) == _by_loop(priors, gts, bool(draw % 2))


def _by_loop(priors: Tensor, gts: Tensor, take_all: bool) -> list[int]:
    def iou(a, b):
        inter = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
        return inter / (a[2] - a[0] + b[2] - b[0] - inter)

    rows = [[iou(gt, prior) for prior in priors.tolist()] for gt in gts.tolist()]
    result = []
    for column in zip(*rows, strict=True):
        best = max(column)
        positive, background = best >= 0.5, best < 0.4
        result.append(column.index(best) if positive else BACKGROUND if background else IGNORE)
    for g, row in enumerate(rows):
        if max(row) >= 0.2:
            best = [r for r, value in enumerate(row) if value == max(row)]
            for r in best if take_all else best[:1]:
                result[r] = g
    return result


def test_chunks_bound_the_pairs():
    boxes = torch.zeros(300, 4)
    parts = list(chunks(boxes, 100_000))
    assert all(len(part) * 100_000 <= assigners.MATRIX_SIZE for _, part in parts)
    starts = [start for start, _ in parts]
    assert sum(len(part) for _, part in parts) == 300
    assert starts == [sum(len(p) for _, p in parts[:i]) for i in range(len(parts))]
    # one box at a time, even where a single one is more
    assert len(list(chunks(boxes, 10 * assigners.MATRIX_SIZE))) == 300


@pytest.mark.parametrize('take_all', [True, False])
def test_many_boxes_in_chunks(monkeypatch, take_all):
    torch.manual_seed(0)
    start = torch.randint(0, 40, (50,)).tolist()
    gts = bars(*((x, x + 1 + i % 9) for i, x in enumerate(start)))
    priors = bars(*((x, x + 6) for x in range(0, 45, 3)))
    regions = bars((3, 9), (30, 40))
    assigner = MaxIoUAssigner(0.5, 0.4, gt_max_assign_all=take_all, ignore_iof_thr=0.5)
    whole = assign(assigner, priors, gts, regions)
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', len(priors))
    assert assign(assigner, priors, gts, regions) == whole


def test_a_prior_taken_for_a_box_may_keep_the_one_it_overlaps_most():
    """(0, 10) overlaps (0, 9) by 0.9 and is the best of (6, 40) too, by 4/40."""
    priors, gts = bars((0, 10)), bars((0, 9), (6, 40))
    assert assign(MaxIoUAssigner(0.5, 0.4), priors, gts) == [1]
    assert assign(MaxIoUAssigner(0.5, 0.4, reassign_low_quality=False), priors, gts) == [0]
