from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import RandomChoiceResize, RandomResize
from mmlite.errors import ConfigError


def sample() -> dict:
    return dict(img=np.zeros((40, 80, 3), np.uint8), gt_bboxes=np.float32([[8, 4, 40, 20]]))


def test_one_of_the_scales_each_as_often():
    np.random.seed(0)
    transform = RandomChoiceResize(scales=[(160, 80), (80, 40), (40, 20)])
    widths = [transform(sample())['img'].shape[1] for _ in range(600)]
    counts = [widths.count(width) for width in (160, 80, 40)]
    assert sum(counts) == 600 and min(counts) > 140  # 200 each, five deviations of 11.5


def test_boxes_and_scale_factor_follow():
    results = RandomChoiceResize(scales=[(160, 160)], keep_ratio=True)(sample())
    assert results['img'].shape == (80, 160, 3)
    assert results['scale_factor'].tolist() == [2, 2, 2, 2]
    assert results['gt_bboxes'].tolist() == [[16, 8, 80, 40]]


def test_a_scale_between_two():
    np.random.seed(0)
    transform = RandomResize(scale=[(20, 10), (24, 30)])
    drawn = np.array([transform.draw() for _ in range(400)])
    # edges are drawn apart: 20..24 and 10..30, both ends too
    assert set(drawn[:, 0]) == set(range(20, 25)) and set(drawn[:, 1]) == set(range(10, 31))


def test_a_factor_on_one_scale():
    np.random.seed(0)
    transform = RandomResize(scale=(100, 50), ratio_range=(0.1, 2.0), keep_ratio=True)
    drawn = np.array([transform.draw() for _ in range(400)])
    assert drawn[:, 0].min() < 15 and drawn[:, 0].max() > 190
    # one factor for both edges, each cut to whole pixels
    assert (np.abs(drawn[:, 0] - 2 * drawn[:, 1]) <= 1).all()
    # fitted: 80 x 40 keeps its ratio
    height, width = transform(sample())['img'].shape[:2]
    assert abs(width - 2 * height) <= 1


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: RandomChoiceResize(scales=[]), r'RandomChoiceResize\.scales: \(w, h\) pairs'),
        (lambda: RandomChoiceResize(scales=(640, 480)), r'\(w, h\) pairs are expected'),
        (lambda: RandomResize(scale=(640, 480)), 'two scales .* or one with ratio_range'),
        (lambda: RandomResize(scale=[(1, 2), (3, 4)], ratio_range=(1, 2)), 'or one with ratio'),
        (lambda: RandomResize(scale=(1, 2), ratio_range=(2, 1)), r'\(least, greatest\)'),
        (lambda: RandomResize(scale=(1, 2), ratio_range=(1, 2), resize_type='X'), "only 'Resize'"),
    ],
)
def test_arguments_that_do_not_fit(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
