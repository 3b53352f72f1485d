"""Normalize, and every row of the table that separates the two kinds of numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms import Normalize
from mmlite.datasets.transforms.normalize import denormalize_image, normalize_image
from mmlite.errors import ConfigError
from mmlite.ops.normalization import normalization_scale

PIXEL = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
UNIT = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@pytest.mark.parametrize(
    ('mean', 'std', 'scale'),
    [
        (PIXEL['mean'], PIXEL['std'], 1.0),
        ((127.5,) * 3, (127.5,) * 3, 1.0),
        ((0.6, 25, 0.3), (0.8, 30, 2), 1.0),  # dark pictures: the greatest number decides
        (PIXEL['mean'], (1, 1, 1), 1.0),  # Caffe
        (UNIT['mean'], UNIT['std'], 255.0),
        ((0.5,) * 3, (0.5,) * 3, 255.0),
        (UNIT['mean'], (1, 1, 1), 255.0),
        ((0, 0, 0), (255, 255, 255), 1.0),
        ((0, 0, 0), (1, 1, 1), 1.0),
        ((0, 0, 0), UNIT['std'], 255.0),
        ([0.5], [0.5], 255.0),  # one channel
    ],
)
def test_kinds(mean, std, scale):
    assert normalization_scale(mean, std) == scale
    assert normalization_scale(np.array(mean), np.array(std)) == scale


@pytest.mark.parametrize(
    ('mean', 'std', 'message'),
    [
        (PIXEL['mean'], UNIT['std'], 'mean is for pixels of 0-255, the std for pixels of 0-1'),
        (PIXEL['mean'], (1, 1, 0.9), 'mean is for pixels of 0-255, the std for pixels of 0-1'),
        (UNIT['mean'], PIXEL['std'], 'mean is for pixels of 0-1, the std for pixels of 0-255'),
        ((1, 2, 3), (1, 1), 'as many numbers'),
        ((), (), 'as many numbers'),
        ((-1, 0, 0), (1, 1, 1), 'from 0 to 255'),
        ((300, 0, 0), (1, 1, 1), 'from 0 to 255'),
        ((float('nan'), 0, 0), (1, 1, 1), 'from 0 to 255'),
        (PIXEL['mean'], (58, 0, 57), 'above 0'),
        (PIXEL['mean'], (58, float('inf'), 57), 'above 0'),
    ],
)
def test_contradictions_are_refused(mean, std, message):
    with pytest.raises(ConfigError, match=message):
        normalization_scale(mean, std)


def test_both_kinds_give_the_same_picture_by_hand():
    img = np.array([[[10, 20, 30]]], np.uint8)  # BGR
    # RGB (30, 20, 10): (30 - 123.675) / 58.395 and so on
    expected = [(30 - 123.675) / 58.395, (20 - 116.28) / 57.12, (10 - 103.53) / 57.375]
    for norm in (PIXEL, UNIT):
        results = Normalize(**norm)(dict(img=img))
        assert results['img'].dtype == np.float32
        np.testing.assert_allclose(results['img'][0, 0], expected, atol=1e-5)


def test_without_to_rgb_mean_and_std_are_bgr():
    img = np.array([[[10, 20, 30]]], np.float32)
    results = Normalize(mean=(1, 2, 3), std=(2, 4, 8), to_rgb=False)(dict(img=img))
    np.testing.assert_allclose(results['img'][0, 0], [4.5, 4.5, 3.375])  # 9 / 2, 18 / 4, 27 / 8


def test_records_what_it_did():
    results = Normalize(**UNIT)(dict(img=np.zeros((2, 2, 3), np.uint8)))
    assert results['img_norm_cfg'] == dict(**UNIT, to_rgb=True, scale=255.0)


def test_twice_is_refused():
    normalize = Normalize(**PIXEL)
    with pytest.raises(ConfigError, match='twice'):
        normalize(normalize(dict(img=np.zeros((2, 2, 3), np.uint8))))


@pytest.mark.parametrize('norm', [dict(mean=(1,), std=(1,)), dict(mean=(1, 2, 3), std=(1, 2))])
def test_three_numbers_are_needed(norm):
    with pytest.raises(ConfigError, match='three numbers'):
        Normalize(**norm)


@given(st.sampled_from([PIXEL, UNIT]), st.booleans(), st.integers(0, 99))
def test_denormalize_is_the_inverse(norm, to_rgb, seed):
    img = np.random.default_rng(seed).integers(0, 256, (3, 17, 3), dtype=np.uint8)
    config = dict(norm, to_rgb=to_rgb, scale=normalization_scale(**norm))
    restored = denormalize_image(normalize_image(img, **config), **config)
    np.testing.assert_allclose(restored, img, atol=1e-3)
