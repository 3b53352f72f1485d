"""Truth values and numbers as annotation files write them, and boxes in shares of the image."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.values import are_shares, number_of, truth_value


@pytest.mark.parametrize(
    ('value', 'meant'),
    [
        (0, False), (1, True), (True, True), (False, False), (0.0, False), (1.0, True),
        ('0', False), ('1', True), ('0.0', False), (' 1 ', True), ('true', True), ('False', False),
        ('TRUE', True), ('no', False), ('yes', True), ('', False), (None, False),
        ('maybe', None), ([], None), ({}, None), (float('nan'), None), ('nan', None),
    ],
)  # fmt: skip
def test_truth_values(value, meant) -> None:
    assert truth_value(value) is meant


@pytest.mark.parametrize(
    ('value', 'number'),
    [
        (3, 3), ('3', 3), (' 2.5', 2.5), ('1e2', 100), ('x', None), ('', None), (None, None),
        ([1], None), ('inf', None), (float('nan'), None), (10**400, None),
    ],
)  # fmt: skip
def test_numbers(value, number) -> None:
    assert number_of(value) == number


def test_boxes_in_shares() -> None:
    bboxes = [[0.1, 0.2, 0.5, 0.9], [0, 0, 1, 0.5], [0, 0, 1, 1], [0.5, 0.5, 1.5, 1], [3, 4, 9, 9]]
    # one whole pixel may be meant by the third; the fourth is larger than a pixel
    assert are_shares(bboxes).tolist() == [True, True, False, False, False]
    assert are_shares(np.zeros((0, 4))).shape == (0,)
