from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.evaluation.bootstrap import paired_difference, weighted_ap
from mmlite.evaluation.class_curves import class_curves
from mmlite.evaluation.error_types import Judged, judge
from mmlite.evaluation.mean_ap import average_precision
from tests.evaluation.judged import judged, strip

TRUTH = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
HIT, MISS = ([np.array([strip(x, x + 10, 0.9)]), np.zeros((0, 5))] for x in (0, 50))


def model(*found: bool) -> Judged:
    """One box an image, of class 1 of two, found or not."""
    return judge([HIT if one else MISS for one in found], [TRUTH] * len(found))


def test_weights_by_hand() -> None:
    # right, wrong, right by falling scores, one box an image
    results = [
        [np.array([strip(x, x + 10, score)])] for x, score in ((0, 0.9), (50, 0.8), (0, 0.7))
    ]
    three = judge(results, [TRUTH] * 3)
    times = np.array([[1, 1, 1], [2, 1, 0], [0, 3, 0], [0, 2, 1]])
    # 1/3 * 1 + 1/3 * 2/3; 2/3 * 1; 0; 1/3 * 1/3
    assert weighted_ap(three, times)[:, 0] == pytest.approx([5 / 9, 2 / 3, 0, 1 / 9])


def test_the_points_of_recall_by_hand() -> None:
    # right at 0.9, wrong at 0.8, right at 0.7; one box an image, none found in the last of four
    results = [
        [np.array([strip(x, x + 10, score)])]
        for x, score in ((0, 0.9), (50, 0.8), (0, 0.7), (50, 0.1))
    ]
    four = judge(results, [TRUTH] * 4)
    times = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 1, 0, 0]])
    # recalls 0.25 and 0.5 at precisions 1 and 2/3: 3 points at 1, 3 at 2/3, 5 at none;
    # all found: 11 points at 1; nothing found
    assert weighted_ap(four, times, points=11)[:, 0] == pytest.approx([5 / 11, 1, 0])
    # 26 points (0 to 0.25) at 1, 25 (to 0.5) at 2/3
    assert weighted_ap(four, times, points=101)[0, 0] == pytest.approx((26 + 25 * 2 / 3) / 101)


@pytest.mark.parametrize('mode', ['11points', 'area'])
@given(st.integers(0, 1000))
def test_equal_to_average_precision(mode: str, seed: int) -> None:
    draw = np.random.default_rng(seed)
    found = draw.random(10) < 0.6
    scores = draw.permutation(10) / 10
    results = [
        [np.array([strip(0 if one else 50, 10 if one else 60, score)])]
        for one, score in zip(found, scores, strict=True)
    ]
    [ap] = weighted_ap(judge(results, [TRUTH] * 10), np.ones((1, 10), int), 11 * (mode != 'area'))[
        0
    ]
    hits = np.cumsum(found[np.argsort(-scores)])
    assert ap == pytest.approx(average_precision(hits / 10, hits / np.arange(1, 11), mode))


def test_the_mean_over_thresholds() -> None:
    good, bad = model(True, True), model(True, False)  # AP 1 and 0.5
    difference = paired_difference([good, bad], [good, good], rounds=20)
    assert difference.first[0] == pytest.approx(0.75)
    assert difference.second[0] == 1


@given(st.lists(st.integers(0, 3), min_size=4, max_size=4), st.integers(0, 100))
def test_weights_count_as_copies_of_an_image_do(times: list[int], seed: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.permutation(12).reshape(4, 3) / 12
    results = [
        [np.array([strip(x, x + 10, s) for x, s in zip(draw.integers(0, 30, 3), row, strict=True)])]
        for row in scores
    ]
    truths = [
        dict(bboxes=np.array([strip(0, 10), strip(20, 30)]), labels=np.array([1, 1]))
        for _ in range(4)
    ]
    copies = np.repeat(np.arange(4), times)
    [ap] = weighted_ap(judge(results, truths), np.array([times]))[0]
    if not len(copies):
        assert np.isnan(ap)
        return
    [curve] = class_curves(judge([results[i] for i in copies], [truths[i] for i in copies]))
    assert ap == pytest.approx(curve.ap)


def test_a_sure_difference_and_none() -> None:
    good, bad = model(*[True] * 40), model(*[False] * 40)
    sure = paired_difference([bad], [good], rounds=50)
    # class 2 has no boxes; the mean is that of class 1
    assert sure.value[[0, 2]].tolist() == [1, 1]
    assert sure.low[[0, 2]].tolist() == sure.high[[0, 2]].tolist() == [1, 1]
    assert np.isnan(sure.value[1])
    same = paired_difference([good], [good], rounds=50)
    assert same.low[0] == same.value[0] == same.high[0] == 0


def test_an_interval_of_one_image_in_forty() -> None:
    # AP of n right of 40 with nothing above them is n / 40 here: wrong ones have the same score
    # and come last, so B is better only in image 39, which 1 - (39/40)^40 = 64% of the draws hold
    first, second = model(*[True] * 39, False), model(*[True] * 40)
    difference = paired_difference([first], [second], rounds=400)
    assert difference.value[0] == pytest.approx(1 / 40)
    assert difference.low[0] == 0  # in 36% of the draws they are equal
    assert 1 / 40 < difference.high[0] <= 5 / 40  # P(more than 4 times) = 0.3%


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match='the same images'):
        paired_difference([judged(1)], [judged(2)])


def test_the_same_labels_on_another_image_are_refused() -> None:
    box, none = (
        dict(bboxes=np.array(bboxes).reshape(-1, 4), labels=np.ones(n, int))
        for bboxes, n in (([[0, 0, 9, 9]], 1), ([], 0))
    )
    nothing = [[np.zeros((0, 5), np.float32)] * 2] * 2
    with pytest.raises(ValueError, match='the same images'):
        paired_difference([judge(nothing, [box, none])], [judge(nothing, [none, box])])
