"""The detections are those of `judged.py`."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmlite.evaluation.confusion import confusion_matrix, image_counts
from mmlite.evaluation.error_types import judge
from tests.evaluation.judged import EMPTY, RESULT, TRUTH, judged, strip


def test_a_matrix_by_hand() -> None:
    # rows: background, 1, 2; d0 finds g0, d3 takes g2 for class 1; g1 and g3 are left
    # wrong and beside no free box: d1, d2, d4 of class 1, d6, d7 of class 2
    assert confusion_matrix(judged(), np.zeros(2)).tolist() == [[0, 3, 2], [1, 1, 0], [1, 1, 0]]
    # from 0.65 up: d0, d1, d2
    assert confusion_matrix(judged(), np.full(2, 0.65)).tolist() == [
        [0, 2, 0], [1, 1, 0], [2, 0, 0],
    ]  # fmt: skip


def test_a_box_is_taken_for_one_class_only() -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([3]))
    dets = [np.array([strip(0, 10, 0.5)]), np.array([strip(0, 9, 0.8)]), np.zeros((0, 5))]
    matrix = confusion_matrix(judge([dets], [truth]), np.zeros(3))
    assert matrix[3].tolist() == [0, 0, 1, 0]  # the surer one, of class 2
    assert matrix[0].tolist() == [0, 1, 0, 0]


def test_a_box_that_was_found_is_not_taken_for_another_class() -> None:
    truth = dict(bboxes=np.array([strip(0, 10)]), labels=np.array([1]))
    dets = [np.array([strip(0, 10, 0.5)]), np.array([strip(0, 10, 0.8)])]
    matrix = confusion_matrix(judge([dets], [truth]), np.zeros(2))
    assert matrix.tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_images_by_hand() -> None:
    counts = image_counts(judge([RESULT, RESULT], [EMPTY, TRUTH]), np.full(2, 0.55))
    # the first image has no boxes: d0 to d3 are wrong; in the second d0 is right, d1 to d3 wrong
    assert counts.right.tolist() == [0, 1]
    assert counts.wrong.tolist() == [4, 3]
    assert counts.missed.tolist() == [0, 3]
    assert counts.errors.tolist() == [4, 6]


@given(st.floats(0, 1), st.floats(0, 1))
def test_every_box_is_in_its_row_once(one: float, other: float) -> None:
    matrix = confusion_matrix(judged(2), np.array([one, other]))
    assert matrix[1:].sum(axis=1).tolist() == [4, 4]
