"""Transforms that run others, and the steps of AutoAugment that change colours."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from mmlite.datasets.transforms import (
    AutoAugment,
    RandAugment,
    RandomApply,
    RandomChoice,
    YOLOXHSVRandomAug,
    color_ops,
)
from mmlite.datasets.transforms.choices import autoaugment_policies, randaugment_space
from mmlite.datasets.transforms.hsv import add_to_hsv
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

PICTURE = np.random.RandomState(0).randint(0, 256, (40, 50, 3)).astype(np.uint8)
PICTURE.flags.writeable = False


def sample() -> dict:
    return dict(
        img=PICTURE,
        img_shape=PICTURE.shape,
        gt_bboxes=np.float32([[10, 10, 30, 30]]),
        gt_labels=np.array([1]),
        gt_bboxes_ignore=np.zeros((0, 4), np.float32),
    )


def noting(name: str):
    return lambda results: {**results, 'ran': results.get('ran', '') + name}


def runs(transform, times: int = 400) -> Counter:
    np.random.seed(0)
    return Counter((transform({}) or {}).get('ran', '') for _ in range(times))


def test_one_of_several() -> None:
    counts = runs(RandomChoice([[noting('a'), noting('b')], noting('c')], prob=[0.75, 0.25]))
    assert set(counts) == {'ab', 'c'} and 255 < counts['ab'] < 345  # five deviations of 9


def test_some_of_several_and_none_twice() -> None:
    counts = runs(RandAugment([[noting(name)] for name in 'abc'], aug_num=2))
    assert set(counts) == {'ab', 'ba', 'ac', 'ca', 'bc', 'cb'}


def test_now_and_then() -> None:
    counts = runs(RandomApply([noting('a'), noting('b')], prob=0.25))
    assert set(counts) == {'ab', ''} and 57 < counts['ab'] < 143


def test_one_that_drops_the_sample_ends_it() -> None:
    dropping = RandAugment([[lambda results: None], [noting('a')]], aug_num=2)
    assert set(runs(dropping)) == {''}


@pytest.mark.parametrize('transform', [AutoAugment(), RandAugment()])
def test_the_usual_steps(transform) -> None:
    np.random.seed(0)
    for _ in range(60):
        results = transform(sample())
        assert results['img'].shape == PICTURE.shape and results['img'].dtype == np.uint8
        assert len(results['gt_bboxes']) == len(results['gt_labels'])
    assert len(autoaugment_policies()) == 25 and len(randaugment_space()) == 15
    assert autoaugment_policies()[0] == [
        dict(type='Equalize', prob=0.8, level=1), dict(type='ShearY', prob=0.8, level=4)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: RandomChoice([]), 'transforms: a list of pipelines'),
        (lambda: AutoAugment([]), 'policies: a list of pipelines'),
        (lambda: RandomChoice([[], []], prob=[0.5, 0.6]), 'a sum of 1'),
        (lambda: RandAugment(aug_num=16), '1 to 15'),
        (lambda: AutoAugment([[dict(type='Mosaic')]]), 'Mosaic mixes several samples'),
    ],
)
def test_what_they_cannot_do(build, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build()


def flat(*values: int) -> np.ndarray:
    """A row of pixels, each of one grey."""
    return np.repeat(np.array(values, np.uint8), 3).reshape(1, -1, 3)


def test_colours_by_hand() -> None:
    row = flat(0, 100, 200)
    # the mean grey is 100: 100 + (value - 100) / 2
    assert color_ops.contrast(row, 0.5)[0, :, 0].tolist() == [50, 100, 150]
    assert color_ops.brightness(row, 1.5)[0, :, 0].tolist() == [0, 150, 255]
    assert color_ops.inverted(row)[0, :, 0].tolist() == [255, 155, 55]
    assert color_ops.solarized(row, 150)[0, :, 0].tolist() == [0, 100, 55]
    assert color_ops.dark_raised(row, 50)[0, :, 0].tolist() == [50, 150, 200]
    assert color_ops.posterized(row, 1.2)[0, :, 0].tolist() == [0, 64, 192]  # two bits
    assert color_ops.stretched(flat(50, 100, 150))[0, :, 0].tolist() == [0, 127, 255]
    assert color_ops.colorfulness(np.uint8([[[0, 0, 100]]]), 0.0).tolist() == [[[30, 30, 30]]]
    assert (color_ops.sharpness(np.full((5, 5, 3), 80, np.uint8), 1.7) == 80).all()


def test_an_even_histogram() -> None:
    dark = (PICTURE // 4).astype(np.uint8)
    levels = color_ops.equalized(dark)
    assert dark.max() == 63 and levels.max() > 240
    assert (color_ops.equalized(flat(7, 7, 7)) == 7).all()  # nothing to make even


@pytest.mark.parametrize('name', ['Color', 'Brightness', 'Contrast', 'Sharpness'])
def test_the_level_is_the_strength(name: str) -> None:
    step = TRANSFORMS.build(dict(type=name, level=5))  # 0.1 + 0.5 * 1.8 = 1: nothing changes
    assert step.draw() == 1.0
    np.testing.assert_array_equal(step(sample())['img'], PICTURE)
    assert (TRANSFORMS.build(dict(type=name, level=0))(sample())['img'] != PICTURE).any()


def test_hue_saturation_and_value() -> None:
    red = np.uint8([[[0, 0, 200]]])
    # hue 0 + 60 is green, saturation 255 - 55 = 200 leaves 200 * 55 / 255 = 43 of the others
    assert add_to_hsv(red, (60, -55, 0)).tolist() == [[[43, 200, 43]]]
    assert add_to_hsv(red, (0, 0, 100)).tolist() == [[[0, 0, 255]]]
    with pytest.raises(ConfigError, match='uint8 is expected, found float32'):
        add_to_hsv(red.astype(np.float32), (1, 0, 0))
    drawn = [YOLOXHSVRandomAug().draw() for _ in range(200)]
    assert max(abs(hue) for hue, _, _ in drawn) <= 5 and {0} < {gain for *_, gain in drawn}
