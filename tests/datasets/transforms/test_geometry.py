"""The pure functions: hand-made numbers, and properties that hold for any picture and box."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms.geometry import (
    centers_inside,
    clip_bboxes,
    crop_bboxes,
    crop_image,
    expand_image,
    fitted_size,
    flip_bboxes,
    flip_image,
    good_patches,
    pad_image,
    patch_ious,
    resize_bboxes,
    resize_image,
    scaled_size,
    translate_bboxes,
)

DIRECTIONS = ('horizontal', 'vertical', 'diagonal')


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def picture(height: int = 4, width: int = 6) -> np.ndarray:
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize(
    ('size', 'scale', 'expected'),
    [
        # min(333 / 640, 256 / 480) = 0.5203125; 480 * 0.5203125 = 249.75, rounds to 250
        ((640, 480), (333, 256), (333, 250)),
        ((480, 640), (333, 256), (250, 333)),  # the longer edge of `scale` goes along
        ((500, 375), (1000, 600), (800, 600)),  # min(2, 1.6) = 1.6
        ((3, 1000), (300, 300), (1, 300)),  # 3 * 0.3 = 0.9 rounds to 1
        ((1, 1000), (300, 300), (1, 300)),  # 0.3 rounds to 0, held to 1
        ((101, 101), (50.5, 80), (51, 51)),  # 50.5 rounds up
    ],
)
def test_fitted_size(size, scale, expected):
    assert fitted_size(*size, scale) == expected


def test_scaled_size_takes_a_factor_per_edge():
    assert scaled_size(10, 7, (0.25, 2)) == (3, 14)  # 2.5 rounds up


def test_resize_image_is_w_by_h():
    assert resize_image(picture(4, 6), (3, 8)).shape == (8, 3, 3)


def test_resize_image_of_the_right_size_copies_nothing():
    img = picture()
    assert resize_image(img, (6, 4)) is img


def test_resize_and_clip_bboxes():
    resized = resize_bboxes(boxes((10, 20, 30, 90)), np.array([0.5, 2, 0.5, 2], np.float32))
    np.testing.assert_array_equal(resized, boxes((5, 40, 15, 180)))
    np.testing.assert_array_equal(clip_bboxes(resized, (10, 100)), boxes((5, 40, 10, 100)))
    assert resized.dtype == clip_bboxes(resized, (10, 100)).dtype == np.float32


@pytest.mark.parametrize(
    ('direction', 'expected'),
    [  # (1, 2, 4, 8) in a picture of 10 x 20
        ('horizontal', (6, 2, 9, 8)),  # 10 - 4, 10 - 1
        ('vertical', (1, 12, 4, 18)),  # 20 - 8, 20 - 2
        ('diagonal', (6, 12, 9, 18)),
    ],
)
def test_flip_bboxes(direction, expected):
    before = boxes((1, 2, 4, 8))
    np.testing.assert_array_equal(flip_bboxes(before, (10, 20), direction), boxes(expected))
    np.testing.assert_array_equal(before, boxes((1, 2, 4, 8)))  # not changed in place


def test_flip_image():
    img = picture()
    np.testing.assert_array_equal(flip_image(img, 'horizontal'), img[:, ::-1])
    np.testing.assert_array_equal(flip_image(img, 'vertical'), img[::-1])
    np.testing.assert_array_equal(flip_image(img, 'diagonal'), img[::-1, ::-1])


@given(
    st.sampled_from(DIRECTIONS),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.data(),
)
def test_a_box_shows_the_same_pixels_after_a_flip(direction, size, data):
    width, height = size
    x1 = data.draw(st.integers(0, width - 1))
    y1 = data.draw(st.integers(0, height - 1))
    x2, y2 = data.draw(st.integers(x1 + 1, width)), data.draw(st.integers(y1 + 1, height))
    img = picture(height, width)
    box = flip_bboxes(boxes((x1, y1, x2, y2)), size, direction)[0].astype(int)
    seen = crop_image(flip_image(img, direction), box)
    np.testing.assert_array_equal(seen, flip_image(img[y1:y2, x1:x2], direction))


def test_pad_image_extends_right_and_bottom():
    img = picture(2, 3)
    padded = pad_image(img, (5, 3), (7, 8, 9))
    assert padded.shape == (3, 5, 3)
    np.testing.assert_array_equal(padded[:2, :3], img)
    assert (padded[2] == (7, 8, 9)).all() and (padded[:, 3:] == (7, 8, 9)).all()
    assert pad_image(img, (2, 2), (0, 0, 0)) is img  # already larger


def test_pad_image_of_a_crop_does_not_show_what_was_cut_off():
    view = crop_image(np.full((6, 6, 3), 200, np.uint8), (1, 1, 3, 3))
    padded = pad_image(view, (4, 4), (0, 0, 0))
    assert padded[:2, :2].min() == 200 and padded[2:].max() == padded[:, 2:].max() == 0


def test_expand_image_fills_with_the_mean_cut_to_whole_numbers():
    img = picture(2, 3)
    canvas = expand_image(img, (7, 5), (1, 2), (103.53, 116.28, 123.675))
    assert canvas.shape == (5, 7, 3) and canvas.dtype == np.uint8
    np.testing.assert_array_equal(canvas[2:4, 1:4], img)
    canvas[2:4, 1:4] = (103, 116, 123)
    assert (canvas == (103, 116, 123)).all()


def test_expand_image_keeps_float32_exact():
    canvas = expand_image(np.zeros((1, 1, 3), np.float32), (2, 1), (0, 0), (103.53, 0, 0))
    assert canvas.dtype == np.float32 and canvas[0, 1, 0] == np.float32(103.53)


def test_translate_and_crop_bboxes():
    before = boxes((10, 20, 30, 40))
    np.testing.assert_array_equal(translate_bboxes(before, (1, -2)), boxes((11, 18, 31, 38)))
    patch = np.array([15, 10, 25, 35])
    np.testing.assert_array_equal(crop_bboxes(before, patch), boxes((0, 10, 10, 25)))
    np.testing.assert_array_equal(crop_bboxes(before, patch, clip=False), boxes((-5, 10, 15, 30)))
    assert crop_bboxes(before, patch).dtype == np.float32


def test_crop_image_is_a_view():
    img = picture()
    patch = crop_image(img, (1, 1, 4, 3))
    np.testing.assert_array_equal(patch, img[1:3, 1:4])
    assert np.shares_memory(patch, img)


def test_centers_inside_leaves_out_the_border():
    patches = np.array([[0, 0, 10, 10], [5, 5, 6, 6]])
    found = centers_inside(boxes((4, 4, 6, 6), (8, 0, 12, 4), (4, 4, 7, 7)), patches)
    # centres (5, 5), (10, 2), (5.5, 5.5)
    np.testing.assert_array_equal(found, [[True, False, True], [False, False, True]])


def test_patch_ious():
    found = patch_ious(boxes((0, 0, 10, 10), (5, 5, 15, 15), (50, 50, 60, 60)), patch_of_ten())
    # the second: 5 * 5 / (100 + 100 - 25)
    np.testing.assert_allclose(found, [[1, 25 / 175, 0]])


def test_good_patches_ask_every_box_for_the_overlap_and_one_for_its_centre():
    near, far = (0, 0, 10, 10), (9, 0, 19, 10)  # far: IoU 10 / 190 = 0.053, centre (14, 5) outside
    assert good_patches(boxes(near), patch_of_ten(), 0.9).all()
    assert not good_patches(boxes(near, far), patch_of_ten(), 0.1).any()
    assert good_patches(boxes(near, far), patch_of_ten(), 0.05).all()
    assert not good_patches(boxes(far), patch_of_ten(), 0.0).any()
    assert good_patches(boxes(), patch_of_ten(), 0.9).all()


def patch_of_ten() -> np.ndarray:
    return np.array([[0, 0, 10, 10]])
