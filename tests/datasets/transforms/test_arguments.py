"""Colours of the padding, and sizes in pixels where a share is meant."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import (
    MixUp,
    Mosaic,
    Pad,
    RandomChoiceResize,
    RandomCrop,
    RandomResize,
    Resize,
    SmallObjectCrop,
)
from mmlite.datasets.transforms.arguments import fill_value, whole_pixels
from mmlite.errors import ConfigError

GREY = (114, 114, 114)


@pytest.mark.parametrize(
    ('given', 'colour'),
    [
        (0, (0, 0, 0)),
        (114.0, GREY),
        ((1, 2, 3), (1, 2, 3)),
        (dict(img=114), GREY),
        (dict(img=(114, 114, 114), masks=0, seg=255), GREY),
        (dict(img=[1, 2, 3], seg=255), (1, 2, 3)),
        (dict(masks=0, seg=255), (0, 0, 0)),  # as mmcv: img is 0 then
        (-1.5, (-1.5, -1.5, -1.5)),  # of a picture that is normalised already
    ],
)
def test_colours(given, colour) -> None:
    assert fill_value('X.pad_val', given) == colour


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(image=0), "X.pad_val: there is no key 'image'.* Did you mean 'img'"),
        ((1, 2), 'three of them in BGR order'),
        ('114', 'a number'),
        (dict(img='grey'), 'a number'),
        (True, 'a number'),
        (float('nan'), 'a number'),
    ],
)
def test_no_colours(given, message) -> None:
    with pytest.raises(ConfigError, match=message):
        fill_value('X.pad_val', given)


@pytest.mark.parametrize('value', [114, (114, 114, 114), dict(img=GREY, masks=0, seg=255)])
def test_the_padding_has_the_colour(value) -> None:
    img = np.zeros((4, 6, 3), np.uint8)
    padded = Pad(pad_to_square=True, pad_val=value)(dict(img=img))['img']
    assert padded.shape == (6, 6, 3) and (padded[4:] == 114).all() and not padded[:4].any()
    # to the square first, then up to the divisor: 6 becomes 8
    both = Pad(pad_to_square=True, size_divisor=4, pad_val=value)(dict(img=img))['img']
    assert both.shape == (8, 8, 3) and (both[:, 6:] == 114).all()
    boxes = dict(gt_bboxes=np.float32([[0, 0, 2, 2]]), gt_labels=np.array([1]))
    mosaic = Mosaic(img_scale=(8, 8), pad_val=value)
    canvas = mosaic(dict(img=img, **boxes, mix_results=[dict(img=img, **boxes)] * 3))['img']
    assert set(np.unique(canvas)) == {0, 114}


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: Resize(scale=(0.5, 0.5)), r'Resize.scale: .* written scale_factor'),
        (lambda: Resize(scale=0.5), 'Resize.scale: .*found .*shares'),
        (lambda: Resize(scale=(1.0, 1.0)), 'Resize.scale'),
        (lambda: Resize(img_scale=(0.5, 0.5)), 'Resize.scale'),
        (lambda: RandomResize(scale=(0.5, 0.5), ratio_range=(1, 2)), 'RandomResize.scale'),
        (lambda: RandomResize(scale=[(0.5, 0.5), (1.0, 1.0)]), 'RandomResize.scale.*ratio_range'),
        (lambda: RandomChoiceResize(scales=[(0.5, 0.5)]), 'RandomChoiceResize.scales'),
        (lambda: RandomCrop(crop_size=(0.5, 0.5)), "crop_size: .* written crop_type='relative'"),
        (lambda: RandomCrop((0.3, 0.7), crop_type='absolute_range'), 'crop_size'),
        (lambda: RandomCrop((300, 300), crop_type='relative'), 'up to 1'),
        (lambda: Pad(size=(0.5, 0.5)), 'Pad.size'),
        (lambda: Pad(size_divisor=0), 'Pad.size_divisor: a whole number from 1 up'),
        (lambda: Mosaic(img_scale=(0.5, 0.5)), 'Mosaic.img_scale'),
        (lambda: MixUp(img_scale=(0.5, 0.5)), 'MixUp.img_scale'),
        (lambda: SmallObjectCrop(max_size=0.1), 'SmallObjectCrop.max_size: pixels from 1 up'),
    ],
)
def test_shares_in_the_place_of_pixels_are_refused(make, message) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_whole_numbers_written_as_floats_are_pixels() -> None:
    assert Resize(scale=(300.0, 200.0)).new_size(60, 40) == (300, 200)
    assert whole_pixels('x', 32.0) == 32
