"""The detections are those of `judged.py`: d0 to d4 of class 1 count, d6 and d7 of class 2."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.evaluation.class_curves import (
    NO_HIT_THRESHOLD,
    ap_gains,
    best_thresholds,
    class_curves,
    mean_ap_of,
)
from mmlite.evaluation.error_types import judge
from tests.evaluation.judged import judged, strip


def test_a_curve_by_hand() -> None:
    one, two = class_curves(judged())
    # class 1: right, wrong x 4; the ignored d5 is left out; one of two boxes is found
    assert one.scores == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5])
    assert one.recall.tolist() == [0.5] * 5
    assert one.precision == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert one.ap == 0.5  # precision 1 up to recall 0.5
    assert one.best() == pytest.approx((0.9, 2 / 3, 1, 0.5))  # F1 = 2 * 1 * 0.5 / 1.5
    assert (two.num_gts, two.ap) == (2, 0)
    assert best_thresholds([one, two]) == pytest.approx([0.9, NO_HIT_THRESHOLD])
    assert mean_ap_of(judged()) == 0.25


def test_of_equal_scores_all_or_none_are_let_in() -> None:
    truth = dict(bboxes=np.array([strip(0, 10), strip(50, 60)]), labels=np.array([1, 1]))
    dets = [strip(0, 10, 0.5), strip(90, 99, 0.5), strip(50, 60, 0.25)]
    [curve] = class_curves(judge([[np.array(dets)]], [truth]))
    assert curve.scores.tolist() == [0.5, 0.25]
    assert curve.precision == pytest.approx([1 / 2, 2 / 3])
    # F1: 2 * (1/2 * 1/2) / 1 = 0.5; 2 * (2/3 * 1) / (5/3) = 0.8
    assert curve.best() == pytest.approx((0.25, 0.8, 2 / 3, 1))


def test_gains_by_hand() -> None:
    gains = ap_gains(judged())
    # now: class 1 right, wrong, wrong, wrong, wrong: 1/2; class 2: 0; mean 1/4
    # localisation: d2 finds g1: right, wrong, right, ...: 1/2 * 1 + 1/2 * 2/3 = 5/6
    assert gains['localisation'] == pytest.approx((5 / 6 - 1 / 2) / 2)
    # classification: d3 (0.6) becomes class 2 and comes before d6, d7: 1/2 * 1
    assert gains['classification'] == pytest.approx((1 / 2) / 2)
    # those that are left out come after the only right one
    assert gains['duplicate'] == gains['background'] == gains['both'] == 0
    # missed: g3 need not be found; of class 2 g2 is left, and nothing finds it
    assert gains['missed'] == 0


def test_a_class_with_all_boxes_missed_gains_all() -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
    gains = ap_gains(judge([[np.zeros((0, 5))]], [truth]))
    assert gains.pop('missed') == 1
    assert set(gains.values()) == {0}


def test_only_the_surest_of_several_errors_is_mended() -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
    dets = [strip(0, 3, 0.9), strip(0, 4, 0.8)]  # IoU 0.3 and 0.4: the surer one counts
    assert ap_gains(judge([[np.array(dets)]], [truth]))['localisation'] == 1
