"""PhotoMetricDistortion: arithmetic on single colours, then what is drawn how often."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms import PhotoMetricDistortion
from mmlite.datasets.transforms.photometric import (
    distort_colors,
    distort_colors_uint8,
    scale_channels,
)
from mmlite.errors import ConfigError

# 300 pixels wide, so that OpenCV's vector code and its remainder both run
WIDTH = 301


def of_color(bgr: tuple[float, float, float], dtype=np.float32) -> np.ndarray:
    return np.full((2, WIDTH, 3), bgr, dtype)


def random_picture(dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, WIDTH, 3)).astype(dtype)


def expected_hsv_shift(bgr: np.ndarray, saturation: float, hue: float) -> np.ndarray:
    """Python's own HSV, on one pixel of 0-255."""
    h, s, v = colorsys.rgb_to_hsv(*(bgr[::-1] / 255))
    rgb = colorsys.hsv_to_rgb((h + hue / 360) % 1, min(s * saturation, 1), v)
    return np.array(rgb[::-1]) * 255


def test_brightness_and_contrast_of_float32_are_not_bounded():
    out = distort_colors(of_color((10, 100, 200)), brightness=-20, contrast=1.5)
    np.testing.assert_allclose(out, of_color((-15, 120, 270)), atol=1e-4)  # (value - 20) * 1.5
    assert out.dtype == np.float32


def test_uint8_is_rounded_and_bounded():
    out = distort_colors(of_color((10, 101, 200), np.uint8), brightness=-20, contrast=1.5)
    np.testing.assert_array_equal(out, of_color((0, 122, 255), np.uint8))  # 121.5 to even
    assert out.dtype == np.uint8


@pytest.mark.parametrize(('saturation', 'hue'), [(0.5, 0), (1.5, 0), (1, 18), (1, -18), (1.3, -7)])
def test_saturation_and_hue_agree_with_python_s_hsv(saturation, hue):
    img = random_picture(np.float32)
    out = distort_colors(img, saturation=saturation, hue=hue)
    expected = [expected_hsv_shift(bgr, saturation, hue) for bgr in img.reshape(-1, 3)]
    np.testing.assert_allclose(out.reshape(-1, 3), expected, atol=0.01)


@pytest.mark.parametrize(('hue', 'shift', 'expected'), [(350, 20, 10), (10, -20, 350)])
def test_hue_goes_round(hue, shift, expected):
    def pure(degrees):
        return of_color(tuple(255 * np.array(colorsys.hsv_to_rgb(degrees / 360, 1, 1))[::-1]))

    np.testing.assert_allclose(distort_colors(pure(hue), hue=shift), pure(expected), atol=0.01)


def test_contrast_gives_the_same_before_and_after_hsv():
    img = random_picture(np.float32)
    shifted = distort_colors(img, brightness=-30, saturation=1.4, hue=11)
    out = distort_colors(img, brightness=-30, saturation=1.4, hue=11, contrast=0.6)
    np.testing.assert_allclose(out, 0.6 * shifted, atol=0.01)


def test_channels():
    img = random_picture()
    np.testing.assert_array_equal(distort_colors(img, channels=(2, 0, 1)), img[..., [2, 0, 1]])


def test_the_input_is_not_changed():
    for dtype in (np.uint8, np.float32):
        img = random_picture(dtype)
        distort_colors(img, 10, 1.2, 1.4, 15, (2, 1, 0))
        np.testing.assert_array_equal(img, random_picture(dtype))


def test_uint8_differs_from_float32_by_rounding_and_bounds_only():
    arguments = dict(brightness=12, contrast=0.7, saturation=1.3, hue=-9, channels=(1, 2, 0))
    exact = distort_colors(random_picture(np.float32), **arguments)
    out = distort_colors(random_picture(), **arguments)
    assert np.abs(out - np.clip(exact, 0, 255)).max() <= 0.501


def test_nothing_drawn_changes_nothing():
    np.testing.assert_array_equal(distort_colors(random_picture()), random_picture())
    assert distort_colors_uint8(picture := random_picture()) is picture


def test_scale_channels_is_one_rounding_from_the_numbers():
    out = scale_channels(of_color((10, 101, 200), np.uint8), 1.5, -30, channels=(2, 0, 1))
    # 200 * 1.5 - 30 = 270, 10 * 1.5 - 30 = -15, 101 * 1.5 - 30 = 121.5
    expected = of_color((255, 0, 121.5))
    assert np.abs(out - expected).max() <= 0.5 and out.dtype == np.uint8


def smooth_picture() -> np.ndarray:
    """Colours of a photograph: all the hues, few of them pure."""
    noise = np.random.default_rng(0).normal(128, 250, (40, WIDTH, 3)).clip(0, 255)
    return cv2.GaussianBlur(noise.astype(np.uint8), (0, 0), 1.5)


@given(st.integers(0, 2**32 - 1))
def test_8_bit_colors_agree_with_float32(seed):
    np.random.seed(seed)
    drawn = PhotoMetricDistortion().draw()
    img = smooth_picture()
    out, expected = distort_colors_uint8(img, **drawn), distort_colors(img, **drawn)
    assert out.dtype == np.uint8
    assert np.abs(out.astype(float) - expected).mean() <= 2
    np.testing.assert_array_equal(img, smooth_picture())


def test_8_bit_colors_do_not_stop_at_255_on_the_way():
    img = of_color((150, 200, 250), np.uint8)
    drawn = dict(brightness=32, contrast=1.0, saturation=0.5)
    # 182, 232, 282: saturation 100 / 282 becomes half, so 232, 257, 282
    expected = of_color((232, 255, 255), np.uint8)
    np.testing.assert_allclose(distort_colors(img, **drawn), expected, atol=1)
    np.testing.assert_allclose(distort_colors_uint8(img, **drawn), expected, atol=2)


def test_contrast_of_0_is_black():
    out = distort_colors_uint8(random_picture(), contrast=0, saturation=1.5, hue=4)
    assert not out.any()


def test_the_dtype_says_which_arithmetic():
    drawn = dict(brightness=12, saturation=1.3, hue=-9)
    for dtype, function in ((np.uint8, distort_colors_uint8), (np.float32, distort_colors)):
        transform = PhotoMetricDistortion()
        transform.draw = lambda: drawn
        out = transform(dict(img=random_picture(dtype)))['img']
        np.testing.assert_array_equal(out, function(random_picture(dtype), **drawn))


def test_each_way_is_drawn_half_the_time_within_its_range():
    np.random.seed(0)
    drawn = [PhotoMetricDistortion().draw() for _ in range(2000)]
    ranges = dict(brightness=(-32, 32), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-18, 18))
    for key, (least, greatest) in ranges.items():
        values = np.array([d[key] for d in drawn if key in d])
        assert abs(len(values) - 1000) < 112  # five standard deviations of 22.4
        assert least <= values.min() and values.max() <= greatest
        # about 1000 uniform numbers come near both ends and the middle
        width = greatest - least
        assert values.min() < least + 0.02 * width and values.max() > greatest - 0.02 * width
        assert abs(values.mean() - (least + greatest) / 2) < 0.05 * width
    orders = [d['channels'] for d in drawn if 'channels' in d]
    assert abs(len(orders) - 1000) < 112 and len(set(orders)) == 6


def test_same_seed_same_picture():
    outcomes = []
    for _ in range(2):
        np.random.seed(3)
        outcomes.append([PhotoMetricDistortion()(dict(img=random_picture())) for _ in range(5)])
    for one, other in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(one['img'], other['img'])


@pytest.mark.parametrize(
    'arguments',
    [
        dict(contrast_range=(1.5, 0.5)),
        dict(saturation_range=(-1, 1)),
        dict(brightness_delta=-3),
        dict(hue_delta=-1),
    ],
)
def test_refuses(arguments):
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        PhotoMetricDistortion(**arguments)
