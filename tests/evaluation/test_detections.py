"""Results in flat arrays: they read as the lists of lists they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlite.evaluation.detections import flatten, gather, ordered
from mmlite.support.arrays import runs


@st.composite
def nested(draw):
    num_images, num_classes = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    return [
        [rng.random((rng.integers(0, 4), 5), np.float32) for _ in range(num_classes)]
        for _ in range(num_images)
    ]


def as_lists(results) -> list[list[list]]:
    return [[rows.tolist() for rows in image] for image in results]


@settings(max_examples=60, deadline=None)
@given(nested())
def test_there_and_back(results):
    flat = flatten(results)
    assert len(flat) == len(results)
    assert as_lists(flat) == as_lists(results)
    assert flatten(flat) is flat
    assert flat.rows.dtype == np.float32
    group = flat.image * flat.num_classes + flat.label
    assert (np.diff(group) >= 0).all()


def test_items_are_those_of_a_list():
    flat = flatten([[np.full((i, 5), i)] for i in range(3)])
    assert flat[-1][0].shape == (2, 5)
    assert flat[0][0].shape == (0, 5)
    with pytest.raises(IndexError):
        flat[3]


def test_other_numbers_become_float64():
    flat = flatten([[np.array([[1, 2, 3, 4, 2**30 + 1]]), np.zeros((0, 5), np.float32)]])
    assert flat.rows.dtype == np.float64
    assert flat.rows[0, 4] == 2**30 + 1  # float32 would round it


@pytest.mark.parametrize('nothing', [[], np.zeros(0), np.zeros((0, 4)), np.zeros((5, 0))])
def test_what_holds_nothing_may_have_any_shape(nothing):
    flat = flatten([[nothing, np.ones((1, 5))]])
    assert flat.label.tolist() == [2]


def test_some_images_are_numbered_again():
    flat = flatten([[np.full((i + 1, 5), i)] for i in range(4)])
    some = flat.of_images([1, 3])
    assert as_lists(some) == as_lists([flat[1], flat[3]])
    assert some.image.tolist() == [0, 0, 1, 1, 1, 1]
    assert as_lists(flat.of_images([])) == []
    assert flat.of_images(range(4)) is flat


def labelled(*values: float) -> np.ndarray:
    """Rows of label 1 that hold one number each."""
    return np.array([[*[value] * 5, 1] for value in values], np.float32).reshape(-1, 6)


def test_what_the_processes_have_is_put_in_order():
    first = gather([(2, labelled(20)), (0, labelled(1, 2))])
    second = gather([(3, None), (1, labelled()), (0, labelled(7))])  # image 0 once more, as padding
    assert second.lengths.tolist() == [-1, 0, 1]
    found = ordered([first, second], num_images=4, num_classes=2)
    assert [image[0][:, 0].tolist() for image in found] == [[1, 2], [], [20], []]
    assert all(len(image[1]) == 0 for image in found)


def test_a_process_without_results():
    found = ordered([gather([]), gather([(0, labelled(3))])], num_images=1, num_classes=1)
    assert as_lists(found) == [[[[3] * 5]]]


def test_runs():
    assert runs(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]
