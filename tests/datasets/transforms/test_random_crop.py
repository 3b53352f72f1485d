from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms import RandomCrop
from mmlite.errors import ConfigError


def sample(**changes) -> dict:
    """8 x 6; every pixel holds its own x and y."""
    x, y = np.meshgrid(np.arange(8), np.arange(6))
    img = np.stack([x, y, 0 * x], axis=-1).astype(np.uint8)
    base = dict(
        img=img,
        gt_bboxes=np.float32([[0, 0, 3, 3], [2, 2, 8, 6]]),
        gt_labels=np.array([1, 2]),
        gt_bboxes_ignore=np.float32([[6, 4, 8, 6]]),
    )
    return {**base, **changes}


def at(monkeypatch, *numbers: int) -> None:
    """The next whole numbers drawn."""
    drawn = iter(numbers)
    monkeypatch.setattr(np.random, 'randint', lambda *limits: next(drawn))


def test_patch_boxes_and_labels(monkeypatch):
    at(monkeypatch, 4, 2)  # left, top
    results = RandomCrop(crop_size=(4, 3))(sample())
    assert results['img'].shape == (3, 4, 3) and results['img'][0, 0].tolist() == [4, 2, 0]
    assert results['img_shape'] == (3, 4, 3)
    # the first box ends at 3; the second is cut to 4..8 x 2..5, the ignored one to 6..8 x 4..5
    assert results['gt_bboxes'].tolist() == [[0, 0, 4, 3]]
    assert results['gt_labels'].tolist() == [2]
    assert results['gt_bboxes_ignore'].tolist() == [[2, 2, 4, 3]]


def test_boxes_may_stick_out(monkeypatch):
    at(monkeypatch, 4, 2)
    results = RandomCrop(crop_size=(4, 3), bbox_clip_border=False)(sample())
    assert results['gt_bboxes'].tolist() == [[-2, 0, 4, 4]]


def test_without_a_box_left(monkeypatch):
    only_first = dict(gt_bboxes=np.float32([[0, 0, 3, 3]]), gt_labels=np.array([1]))
    at(monkeypatch, 4, 2, 4, 2)
    assert RandomCrop(crop_size=(4, 3))(sample(**only_first)) is None
    kept = RandomCrop(crop_size=(4, 3), allow_negative_crop=True)(sample(**only_first))
    assert kept['gt_bboxes'].shape == (0, 4) and kept['gt_labels'].shape == (0,)


@pytest.mark.parametrize(
    ('args', 'sizes'),
    [
        (dict(crop_size=(4, 3)), {(4, 3)}),
        (dict(crop_size=(40, 3)), {(8, 3)}),  # at most the picture
        (dict(crop_size=(5, 4), crop_type='absolute_range'), {(4, 4), (4, 5), (5, 4), (5, 5)}),
        (dict(crop_size=(0.5, 0.5), crop_type='relative'), {(4, 3)}),
        (dict(crop_size=(1, 1), crop_type='relative_range'), {(8, 6)}),
    ],
)
def test_sizes(args, sizes):
    np.random.seed(0)
    transform = RandomCrop(**args)
    assert {transform.draw_size(8, 6) for _ in range(60)} == sizes


def test_relative_range_goes_up_to_the_picture():
    np.random.seed(0)
    transform = RandomCrop(crop_size=(0.25, 0.5), crop_type='relative_range')
    drawn = np.array([transform.draw_size(100, 100) for _ in range(400)])
    assert drawn[:, 0].min() in range(25, 28) and drawn[:, 1].min() in range(50, 53)
    assert (drawn.max(axis=0) > 97).all()


@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 999))
def test_what_a_box_shows_stays_in_it(width, height, seed):
    np.random.seed(seed)
    results = sample()
    img = results['img'].copy()
    img[2:6, 2:8, 2] = 1  # marks the second box
    results['img'] = img
    results = RandomCrop(crop_size=(width, height), allow_negative_crop=True)(results)
    marked = np.zeros(results['img'].shape[:2], bool)
    for (x1, y1, x2, y2), label in zip(results['gt_bboxes'], results['gt_labels'], strict=True):
        if label == 2:
            marked[int(y1) : int(y2), int(x1) : int(x2)] = True
    np.testing.assert_array_equal(marked, results['img'][..., 2] == 1)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(crop_size=(4, 3), crop_type='random'), "one of absolute, .*, found 'random'"),
        (dict(crop_size=(4, 0)), 'two numbers above 0'),
        (dict(crop_size=(4, 3), crop_type='relative'), 'up to 1'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=message):
        RandomCrop(**args)
