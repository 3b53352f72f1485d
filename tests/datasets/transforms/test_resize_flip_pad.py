"""Resize, RandomFlip, Pad: each by itself on a dict."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import Pad, RandomFlip, Resize
from mmlite.errors import ConfigError


def sample(height: int = 40, width: int = 80) -> dict:
    return dict(
        img=np.zeros((height, width, 3), np.uint8),
        gt_bboxes=np.array([[8, 4, 100, 20]], np.float32),  # sticks out by 20
        gt_bboxes_ignore=np.array([[0, 0, 8, 8]], np.float32),
        gt_labels=np.array([1]),
    )


def test_resize_to_a_size():
    before = sample()
    results = Resize(scale=(20, 20))(dict(before))
    assert results['img'].shape == results['img_shape'] == results['pad_shape'] == (20, 20, 3)
    # 20 / 80 = 0.25 and 20 / 40 = 0.5
    np.testing.assert_array_equal(results['scale_factor'], [0.25, 0.5, 0.25, 0.5])
    assert results['scale_factor'].dtype == np.float32
    np.testing.assert_array_equal(results['gt_bboxes'], [[2, 2, 20, 10]])  # 100 / 4 cut to 20
    np.testing.assert_array_equal(results['gt_bboxes_ignore'], [[0, 0, 2, 4]])
    np.testing.assert_array_equal(before['gt_bboxes'], [[8, 4, 100, 20]])


def test_resize_without_clipping():
    results = Resize(scale=(20, 20), clip_object_border=False)(sample())
    np.testing.assert_array_equal(results['gt_bboxes'], [[2, 2, 25, 10]])


def test_resize_that_keeps_the_ratio_reports_what_rounding_did():
    img = np.zeros((480, 640, 3), np.uint8)
    results = Resize(scale=(333, 256), keep_ratio=True)(dict(img=img))
    assert results['img_shape'] == (250, 333, 3)
    expected = np.float32([333 / 640, 250 / 480] * 2)
    np.testing.assert_array_equal(results['scale_factor'], expected)


def test_resize_twice_multiplies_the_scale_factor():
    results = Resize(scale=(20, 20))(Resize(scale_factor=0.5)(sample()))
    np.testing.assert_array_equal(results['scale_factor'], [0.25, 0.5, 0.25, 0.5])


@pytest.mark.parametrize(
    ('arguments', 'shape'),
    [
        (dict(scale=30), (30, 30, 3)),
        (dict(scale=[30, 10]), (10, 30, 3)),  # lists as JSON configs have them
        (dict(scale_factor=0.5), (20, 40, 3)),
        (dict(scale_factor=(0.5, 2)), (80, 40, 3)),
        (dict(scale=(30, 30), keep_ratio=True), (15, 30, 3)),
        (dict(img_scale=(30, 30)), (15, 30, 3)),  # 2.x kept the ratio by default
        (dict(img_scale=(30, 30), keep_ratio=False), (30, 30, 3)),
        (dict(img_scale=[(30, 30)], keep_ratio=False), (30, 30, 3)),
        (dict(scale=(30, 30), interpolation='nearest'), (30, 30, 3)),
    ],
)
def test_resize_spellings(arguments, shape):
    assert Resize(**arguments)(sample())['img_shape'] == shape


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(), 'exactly one of scale'),
        (dict(scale=(3, 3), scale_factor=2), 'exactly one of scale'),
        (dict(img_scale=[(30, 30), (40, 40)]), 'multi-scale'),
        (dict(scale=[(30, 30), (40, 40)]), 'multi-scale'),
        (dict(scale=(30, -1)), 'two numbers above 0'),
        (dict(scale=(30, 30, 3)), 'two numbers above 0'),
        (dict(scale='300'), 'two numbers above 0'),
        (dict(scale_factor=0), r'Resize.scale_factor: .* found 0'),
        (dict(scale=30, backend='pillow'), "only 'cv2'.*'pillow'"),
        (dict(scale=30, interpolation='linear'), "bilinear.*'linear'"),
    ],
)
def test_resize_refuses(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Resize(**arguments)


def test_flip_always_and_never():
    results = RandomFlip(prob=1.0)(sample())
    assert (results['flip'], results['flip_direction']) == (True, 'horizontal')
    np.testing.assert_array_equal(results['gt_bboxes'], [[-20, 4, 72, 20]])  # 80 - 100, 80 - 8
    np.testing.assert_array_equal(results['gt_bboxes_ignore'], [[72, 0, 80, 8]])
    results = RandomFlip(flip_ratio=0)(sample())
    assert (results['flip'], results['flip_direction']) == (False, None)
    np.testing.assert_array_equal(results['gt_bboxes'], [[8, 4, 100, 20]])


def test_flip_turns_the_picture():
    img = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    results = RandomFlip(prob=1, direction='vertical')(dict(img=img))
    np.testing.assert_array_equal(results['img'], img[::-1])


@pytest.mark.parametrize('spelling', [dict(prob=0.6), dict(prob=[0.3, 0.3])])
def test_flip_shares_its_probability_between_directions(spelling):
    np.random.seed(0)
    flip = RandomFlip(**spelling, direction=['horizontal', 'diagonal'])
    drawn = [flip.draw() for _ in range(3000)]
    # 3000 draws: a standard deviation of at most 27
    for direction, expected in (('horizontal', 900), ('diagonal', 900), (None, 1200)):
        assert abs(drawn.count(direction) - expected) < 120
    assert set(drawn) == {'horizontal', 'diagonal', None}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(), 'prob .* is needed'),
        (dict(prob=0.5, flip_ratio=0.5), 'one of the two'),
        (dict(prob=1.5), 'from 0 to 1'),
        (dict(prob=-0.1), 'from 0 to 1'),
        (dict(prob=[0.5], direction=['horizontal', 'vertical']), '2 direction'),
        (dict(prob=0.5, direction='left'), "horizontal, vertical, diagonal.*'left'"),
    ],
)
def test_flip_refuses(arguments, message):
    with pytest.raises(ConfigError, match=message):
        RandomFlip(**arguments)


@pytest.mark.parametrize(
    ('arguments', 'shape'),
    [  # the picture is 80 wide and 40 high
        (dict(size=(100, 60)), (60, 100, 3)),
        (dict(size=(60, 60)), (60, 80, 3)),
        (dict(size_divisor=32), (64, 96, 3)),
        (dict(size_divisor=8), (40, 80, 3)),
        (dict(pad_to_square=True), (80, 80, 3)),
        (dict(pad_to_square=True, size_divisor=32), (96, 96, 3)),
        (dict(size=(100, 60), size_divisor=32), (64, 128, 3)),
    ],
)
def test_pad(arguments, shape):
    before = sample()
    results = Pad(**arguments)(Resize(scale=(80, 40))(dict(before)))
    assert results['img'].shape == results['pad_shape'] == shape
    assert results['img_shape'] == (40, 80, 3)
    np.testing.assert_array_equal(results['gt_bboxes_ignore'], before['gt_bboxes_ignore'])


@pytest.mark.parametrize('pad_val', [7, (7, 7, 7), dict(img=7), dict(img=(7.0, 7.0, 7.0))])
def test_pad_value(pad_val):
    img = Pad(size=(90, 50), pad_val=pad_val)(sample())['img']
    assert (img[40:] == 7).all() and (img[:, 80:] == 7).all() and not img[:40, :80].any()


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(), 'is needed'),
        (dict(size=(3, 3), pad_to_square=True), 'exclude'),
        (dict(size_divisor=32, pad_val=dict(image=0)), r"pad_val: there is no key 'image'.*'img'"),
        (dict(size_divisor=32, pad_val=(1, 2)), 'Pad.pad_val: a number, three of them'),
        (dict(size_divisor=0.5), 'Pad.size_divisor: a whole number from 1 up'),
        (dict(size=(0.5, 0.5)), r'Pad.size: .*in pixels is expected, found \(0.5, 0.5\), shares'),
        (dict(size=(0, 3)), r'Pad.size: .*above 0'),
    ],
)
def test_pad_refuses(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Pad(**arguments)
