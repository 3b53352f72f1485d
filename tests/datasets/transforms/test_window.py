"""Windows: what comes out equals what the functions of geometry.py make step by step."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.encoded_image import ImageError, open_image
from mmlite.datasets.transforms import Compose, Resize
from mmlite.datasets.transforms.geometry import (
    crop_image,
    expand_image,
    flip_image,
    recolor_image,
    resize_image,
)
from mmlite.datasets.transforms.photometric import distort_colors
from mmlite.datasets.transforms.window import Window, takes_window

FILL = (103.53, 116.28, 123.675)
SSD = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Expand', mean=FILL[::-1], to_rgb=True, ratio_range=(1, 4)),
    dict(type='MinIoURandomCrop'),
    dict(type='Resize', scale=(30, 30), keep_ratio=False),
    dict(type='RandomFlip', prob=0.5),
]
COLORS = dict(type='PhotoMetricDistortion')


def photo(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Noise as smooth as a photograph: neighbours differ by about 20 of 255."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)


def darker(img: np.ndarray) -> np.ndarray:
    return img // 2


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The mean difference of two pictures, which have to be alike in all else."""
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    return float(np.abs(one.astype(float) - other).mean())


def test_a_canvas_of_twice_the_size_shrunk_to_the_size_of_the_picture():
    img = np.zeros((2, 4, 3), np.uint8)
    img[..., 0] = [10, 30, 50, 70]
    # 8 x 4, the picture at (2, 0): blue is 9 9 10 30 50 70 9 9 in rows 0 and 1, then 9
    window = Window.of(img).expand((8, 4), (2, 0), [9.7, 0, 0])  # 9.7 is cut, as numpy does
    assert window.shape == (4, 8, 3)
    small = window.resize((4, 2), cv2.INTER_LINEAR)
    # each pixel is the mean of two columns and two rows
    assert small.pixels()[..., 0].tolist() == [[9, 20, 60, 9], [9, 9, 9, 9]]


def test_a_crop_is_a_view_and_a_flip_comes_last():
    img = photo()
    window = Window.of(img).crop((8, 4, 20, 10))
    assert np.shares_memory(window.pixels(), img)
    flipped = window.resize((6, 3), cv2.INTER_LINEAR).recolor(darker).flip(1)
    expected = darker(cv2.resize(img[4:10, 8:20], (6, 3)))[:, ::-1]
    np.testing.assert_array_equal(flipped.pixels(), expected)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just('expand'), st.floats(1, 3), st.floats(0, 1), st.floats(0, 1)),
        st.tuples(st.just('crop'), st.floats(0, 0.6), st.floats(0, 0.6), st.floats(0.3, 0.4)),
        st.tuples(st.just('resize'), st.integers(8, 60), st.integers(8, 60)),
        st.tuples(st.just('area'), st.integers(8, 60), st.integers(8, 60)),
        st.tuples(st.just('flip'), st.sampled_from(['horizontal', 'vertical', 'diagonal'])),
        st.tuples(st.just('recolor')),
    ),
    max_size=6,
)


def apply(img, kind, *numbers):
    """Does one of STEPS to an array or a window."""
    height, width = img.shape[:2]
    if kind == 'expand':
        size = int(width * numbers[0]), int(height * numbers[0])
        offset = int((size[0] - width) * numbers[1]), int((size[1] - height) * numbers[2])
        return expand_image(img, size, offset, FILL)
    if kind == 'crop':
        x, y = int(width * numbers[0]), int(height * numbers[1])
        return crop_image(
            img, (x, y, x + int(width * numbers[2]) + 1, y + int(height * numbers[2]) + 1)
        )
    if kind == 'flip':
        return flip_image(img, numbers[0])
    if kind == 'recolor':
        return recolor_image(img, darker)
    return resize_image(img, numbers, 'area' if kind == 'area' else 'bilinear')


@given(STEPS)
def test_any_order_of_steps_gives_the_same_picture(steps):
    array = photo()
    window = Window.of(array)
    for step in steps:
        array, window = apply(array, *step), apply(window, *step)
        assert window.shape == array.shape
    # where every pixel is compared after each resize, roundings of 1 add up
    assert difference(window.pixels(), array) <= 1
    if not any(kind == 'expand' for kind, *_ in steps):
        np.testing.assert_array_equal(window.pixels(), array)


def test_nothing_but_fill():
    window = Window.of(photo()).expand((200, 100), (0, 0), FILL).crop((100, 60, 180, 90))
    for size in ((80, 30), (40, 15), (90, 40)):
        small = window.resize(size, cv2.INTER_LINEAR).recolor(darker).pixels()
        np.testing.assert_array_equal(small, np.full((*size[::-1], 3), (51, 58, 61)))  # 103 // 2


def test_float32_stays_float32():
    img = photo().astype(np.float32)
    window = Window.of(img).expand((100, 90), (7, 8), FILL).resize((30, 20), cv2.INTER_LINEAR)
    expected = cv2.resize(expand_image(img, (100, 90), (7, 8), FILL), (30, 20))
    assert difference(window.pixels(), expected) < 0.1


def sample_of(path: Path, seed: int) -> dict:
    """A sample of the picture at `path`, 96 x 72, with up to four boxes."""
    draw = np.random.default_rng(seed)
    corners = np.sort(draw.uniform(0, 1, (draw.integers(0, 5), 2, 2)), axis=1) * (96, 72)
    bboxes = corners.reshape(-1, 4).astype(np.float32)
    ann = dict(bboxes=bboxes, labels=np.arange(len(bboxes)) + 1, bboxes_ignore=bboxes[:0])
    return dict(filename=str(path), width=96, height=72, ann=ann)


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    path = tmp_path / 'a.jpg'
    path.write_bytes(cv2.imencode('.jpg', photo(72, 96))[1].tobytes())
    return path


def step_by_step(steps: list[dict], sample: dict, seed: int) -> dict:
    """The former pipeline: each transform makes its own picture."""
    np.random.seed(seed)
    for step in steps:
        sample = Compose([step])(sample)
    return sample


@pytest.mark.parametrize(
    ('steps', 'tolerance'),
    [
        (SSD, 0.3),  # only rounding
        ([*SSD, COLORS], 2),
        ([*SSD[:2], COLORS, *SSD[2:]], 2),  # mmdet 2.x's order
        ([dict(SSD[0], to_float32=True), SSD[1], COLORS, *SSD[2:]], 2),
    ],
)
def test_ssd_s_augmentation_with_the_same_draws(jpeg, steps, tolerance):
    differences = []
    for seed in range(60):
        np.random.seed(seed)
        fused = Compose(steps)(sample_of(jpeg, seed))
        plain = step_by_step(steps, sample_of(jpeg, seed), seed)
        assert fused.keys() == plain.keys()
        for key in fused.keys() - {'img', 'ann'}:
            np.testing.assert_array_equal(fused[key], plain[key], err_msg=key)
        assert type(fused['img']) is np.ndarray
        differences.append(difference(fused['img'], plain['img']))
    assert max(differences) <= tolerance


def test_colors_in_8_bit_with_the_same_draws(jpeg, monkeypatch):
    steps = [*SSD, COLORS]
    for seed in range(60):
        np.random.seed(seed)
        fused = Compose(steps)(sample_of(jpeg, seed))['img']
        with monkeypatch.context() as patch:
            patch.setattr(
                'mmlite.datasets.transforms.photometric.distort_colors_uint8', distort_colors
            )
            plain = step_by_step(steps, sample_of(jpeg, seed), seed)['img']
        assert difference(fused, plain) <= 2


class Look:
    """A plugin that reads the picture."""

    def __init__(self, seen: list) -> None:
        self.seen = seen

    def __call__(self, results: dict) -> dict:
        self.seen.append(results['img'].copy())
        return results


def test_a_plugin_between_the_steps_sees_pixels(jpeg):
    for place in range(1, len(SSD) + 1):
        for seed in range(5):
            seen: list[np.ndarray] = []
            np.random.seed(seed)
            Compose([*SSD[:place], Look(seen), *SSD[place:]])(sample_of(jpeg, seed))
            plain = step_by_step(SSD[:place], sample_of(jpeg, seed), seed)['img']
            assert difference(seen[0], plain) <= 0.3


def test_a_subclass_of_a_step_gets_pixels(jpeg):
    class Brighter(Resize):
        def __call__(self, results: dict) -> dict:
            results['img'] = results['img'] | 128
            return super().__call__(results)

    assert takes_window(Resize(scale=4)) and not takes_window(Brighter(scale=4))
    results = Compose([*SSD[:4], Brighter(scale=(9, 9))])(sample_of(jpeg, 0))
    assert results['img'].min() >= 128


@pytest.mark.parametrize(
    ('view', 'size', 'reduction'),
    [
        (None, (48, 36), 2),
        (None, (49, 36), 1),  # 96 / 49 < 2
        (None, (12, 9), 8),
        ((10, 7, 90, 60), (20, 13), 4),  # 80 / 20, 53 / 13; not on the grid of fours
    ],
)
def test_a_jpeg_is_decoded_as_small_as_it_may_be(tmp_path, monkeypatch, view, size, reduction):
    ramp = np.full((72, 96, 3), 128, np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(96) * 2, np.arange(72)[:, None] * 3
    (tmp_path / 'ramp.jpg').write_bytes(cv2.imencode('.jpg', ramp)[1].tobytes())
    image = open_image(str(tmp_path / 'ramp.jpg'))
    plain, window = image.decode(), Window.of(image)
    if view is not None:
        plain, window = plain[view[1] : view[3], view[0] : view[2]], window.crop(view)
    decoded = []
    decode = type(image).decode
    monkeypatch.setattr(type(image), 'decode', lambda *a: decoded.append(a[1]) or decode(*a))
    img = window.resize(size, cv2.INTER_LINEAR).pixels()
    assert decoded == [reduction]
    # a shift by one pixel as stored would be 2 in blue and 3 in green
    shifts = (img.astype(float) - cv2.resize(plain, size)).mean((0, 1))[:2]
    assert np.abs(shifts).max() < 0.5


def test_reduced_decoding_keeps_boxes_and_the_place_of_things(jpeg):
    reduced = copy.deepcopy(SSD)
    reduced[0]['reduced_decode'] = True
    for seed in range(20):
        outcomes = []
        for steps in (SSD, reduced):
            np.random.seed(seed)
            outcomes.append(Compose(steps)(sample_of(jpeg, seed)))
        plain, other = outcomes
        np.testing.assert_array_equal(plain['gt_bboxes'], other['gt_bboxes'])
        assert plain['img_shape'] == other['img_shape'] and plain['ori_shape'] == (72, 96, 3)
        assert difference(plain['img'], other['img']) < 8


def test_a_picture_too_long_for_warping_is_made_the_plain_way():
    strip = cv2.resize(photo(), (33000, 8))
    window = Window.of(strip).expand((34000, 20), (500, 6), FILL).crop((0, 0, 34000, 18))
    plain = expand_image(strip, (34000, 20), (500, 6), FILL)[:18]
    np.testing.assert_array_equal(
        window.resize((340, 9), cv2.INTER_LINEAR).pixels(), cv2.resize(plain, (340, 9))
    )


def test_a_jpeg_that_cannot_be_decoded_is_named_although_it_is_decoded_late(jpeg, monkeypatch):
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: None)
    with pytest.raises(ImageError, match=r'a\.jpg: OpenCV cannot decode'):
        Compose([dict(SSD[0], reduced_decode=True), *SSD[1:]])(sample_of(jpeg, 0))


def test_a_single_reduced_step_gives_the_whole_picture(jpeg):
    (load,) = Compose([dict(SSD[0], reduced_decode=True)]).transforms
    whole = Compose([SSD[0]])(sample_of(jpeg, 0))['img']
    for call in (load, Compose([load]), partial(Compose([load, lambda results: results]))):
        np.testing.assert_array_equal(call(sample_of(jpeg, 0))['img'], whole)
