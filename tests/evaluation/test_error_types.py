from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.evaluation.error_types import Kind, judge
from tests.evaluation.judged import EMPTY, RESULT, TRUTH, judged, strip

NONE = np.zeros((0, 5), np.float32)


def test_each_kind_once() -> None:
    found = judged()
    assert [Kind(kind).name for kind in found.kind] == [
        'RIGHT', 'DUPLICATE', 'LOCALISATION', 'CLASSIFICATION', 'BACKGROUND', 'IGNORED', 'BOTH',
        'BACKGROUND',
    ]  # fmt: skip
    assert found.gt.tolist() == [0, 0, 1, 2, -1, -1, -1, -1]
    assert found.iou == pytest.approx([1, 0.8, 0.3, 1, 0, 0, 0.4, 0])
    assert found.gt_found.tolist() == [True, False, False, False]
    assert found.gt_missed.tolist() == [False, False, False, True]  # g1 and g2 are meant
    assert found.num_gts.tolist() == [2, 2]


def test_rows_of_a_second_image_are_counted_on() -> None:
    found = judged(2)
    assert found.gt[:8].tolist() == [0, 0, 1, 2, -1, -1, -1, -1]
    assert found.gt[8:].tolist() == [4, 4, 5, 6, -1, -1, -1, -1]
    assert found.gt_image.tolist() == [0] * 4 + [1] * 4


def test_the_surer_one_finds_the_box_and_the_other_may_find_the_next_best() -> None:
    # boxes 0..10 and 2..12; d0 0..10 has IoU 1 and 8/12, d1 1..11 9/11 with both
    truth = dict(bboxes=np.array([strip(0, 10), strip(2, 12)]), labels=np.array([1, 1]))
    found = judge([[np.array([strip(1, 11, 0.5), strip(0, 10, 0.9)])]], [truth])
    assert found.kind.tolist() == [Kind.RIGHT, Kind.RIGHT]
    assert found.gt.tolist() == [1, 0]  # the best of d1 was the first of two equals, but is taken
    assert found.iou == pytest.approx([9 / 11, 1])


@pytest.mark.parametrize(
    ('length', 'kind'),
    [(4.9, Kind.LOCALISATION), (5, Kind.RIGHT), (1, Kind.LOCALISATION), (0.9, Kind.BACKGROUND)],
)
def test_the_thresholds_belong_to_the_better_side(length: float, kind: Kind) -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
    assert judge([[np.array([strip(0, length, 0.9)])]], [truth]).kind.tolist() == [kind]


def test_images_without_boxes_or_detections() -> None:
    found = judge([[NONE, NONE], RESULT], [TRUTH, EMPTY])
    assert set(found.kind.tolist()) == {Kind.BACKGROUND}
    assert found.gt_missed.all()
    assert judge([], []).num_images == 0
    with pytest.raises(ValueError, match='results of 1 images, annotations of 0'):
        judge([RESULT], [])


def test_boxes_of_zero_size_overlap_nothing() -> None:
    truth = dict(bboxes=np.array([strip(3, 3)]), labels=np.array([1]))
    found = judge([[np.array([strip(3, 3, 0.5)])]], [truth])
    assert found.kind.tolist() == [Kind.BACKGROUND]


boxes = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 10), st.integers(0, 2), st.integers(0, 9)),
    max_size=8,
)


@given(boxes, boxes)
def test_every_box_is_found_by_at_most_one_and_every_meaning_is_of_the_right_class(
    dets: list[tuple[int, int, int, int]], gts: list[tuple[int, int, int, int]]
) -> None:
    result = [
        np.array([strip(x, x + w, s / 10) for x, w, c, s in dets if c == k]).reshape(-1, 5)
        for k in range(3)
    ]
    truth = dict(
        bboxes=np.array([strip(x, x + w) for x, w, _, _ in gts]).reshape(-1, 4),
        labels=np.array([c + 1 for _, _, c, _ in gts], int),
    )
    found = judge([result], [truth])
    right = found.gt[found.kind == Kind.RIGHT]
    assert len(set(right.tolist())) == len(right) == found.gt_found.sum()
    meant = found.gt >= 0
    same = found.label[meant] == found.gt_label[found.gt[meant]]
    assert (same == (found.kind[meant] != Kind.CLASSIFICATION)).all()
    assert found.gt_found[found.gt[found.kind == Kind.DUPLICATE]].all()
