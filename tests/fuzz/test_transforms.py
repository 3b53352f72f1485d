"""Pipelines drawn at random: boxes stay inside and with their objects; the way back is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms import Compose, inverse_transform
from mmlite.datasets.transforms.loading import set_loaded_image
from tests.fuzz import BOUNDED

COLOURS = np.array([(250, 40, 40), (40, 250, 40), (40, 40, 250), (250, 250, 40)], np.uint8)
CELL = 24  # one object at most in each cell of the picture
STEPS = (
    dict(type='Resize', scale=(150, 110), keep_ratio=True),
    dict(type='Resize', scale=(90, 120), keep_ratio=False),
    dict(type='Resize', scale_factor=1.5, keep_ratio=True),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='RandomFlip', prob=[0.3, 0.3, 0.3], direction=['horizontal', 'vertical', 'diagonal']),
    dict(type='Expand', mean=(9, 9, 9), ratio_range=(1, 2), prob=0.7),
    dict(type='MinIoURandomCrop', min_crop_size=0.5),
    dict(type='RandomCrop', crop_size=(70, 60)),
    dict(type='RandomCrop', crop_size=(0.6, 0.7), crop_type='relative'),
    dict(type='RandomResize', scale=(120, 90), ratio_range=(0.8, 1.6), keep_ratio=True),
    dict(type='RandomChoiceResize', scales=[(100, 80), (130, 90)], keep_ratio=True),
    dict(type='Pad', size_divisor=32),
    dict(type='Pad', pad_to_square=True),
)


@st.composite
def samples(draw: Any) -> dict:
    """A grey picture with up to five objects, each a rectangle in the colour of its label."""
    columns, rows = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    img = np.full((rows * CELL, columns * CELL, 3), 128, np.uint8)
    cells = draw(
        st.lists(
            st.tuples(st.integers(0, columns - 1), st.integers(0, rows - 1)),
            max_size=5,
            unique=True,
        )
    )
    bboxes, labels = [], []
    for column, row in cells:
        left, top = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        right, bottom = draw(st.integers(left + 12, CELL)), draw(st.integers(top + 12, CELL))
        x, y, label = column * CELL, row * CELL, draw(st.integers(1, len(COLOURS)))
        img[y + top : y + bottom, x + left : x + right] = COLOURS[label - 1]
        bboxes.append((x + left, y + top, x + right, y + bottom))
        labels.append(label)
    results = dict(
        filename='drawn.png',
        gt_bboxes=np.array(bboxes, np.float32).reshape(-1, 4),
        gt_labels=np.array(labels, np.int64),
        gt_bboxes_ignore=np.array(bboxes[:1], np.float32).reshape(-1, 4),
    )
    return set_loaded_image(results, img)


@BOUNDED
@given(samples(), st.lists(st.sampled_from(STEPS), min_size=1, max_size=4), st.integers(0, 9999))
def test_boxes_stay_inside_and_with_their_objects(sample: dict, steps: list, seed: int) -> None:
    np.random.seed(seed)
    before = {key: sample[key].copy() for key in ('img', 'gt_bboxes', 'gt_labels')}
    arrays = {key: sample[key] for key in before}
    results = Compose(steps)(dict(sample))
    for key, array in arrays.items():  # a transform changes no array in place
        np.testing.assert_array_equal(array, before[key])
    if results is None:  # a crop without an object
        return
    height, width = results['img'].shape[:2]
    assert results['pad_shape'][:2] == (height, width)
    for key in ('gt_bboxes', 'gt_bboxes_ignore'):
        bboxes = results[key]
        assert bboxes.dtype == np.float32 and bboxes.shape[1:] == (4,)
        assert (bboxes >= 0).all() and (bboxes <= [width, height] * 2).all()
    bboxes, labels = results['gt_bboxes'], results['gt_labels']
    assert len(bboxes) == len(labels) <= len(before['gt_labels'])
    for (x1, y1, x2, y2), label in zip(bboxes, labels, strict=True):
        if min(x2 - x1, y2 - y1) < 5:  # what a crop left of it is blurred by a resize
            continue
        seen = results['img'][int((y1 + y2) / 2), int((x1 + x2) / 2)].astype(int)
        assert abs(COLOURS.astype(int) - seen).sum(axis=1).argmin() == label - 1
        assert abs(COLOURS[label - 1].astype(int) - seen).max() < 60


@BOUNDED
@given(samples(), st.lists(st.sampled_from(STEPS), max_size=2), st.booleans(), st.integers(0, 9999))
def test_the_way_back_gives_the_picture(sample: dict, steps: list, to_rgb: bool, seed: int) -> None:
    np.random.seed(seed)
    results = Compose(steps)(dict(sample))
    if results is None:
        return
    height, width = results['img_shape'][:2]
    picture = results['img'][:height, :width].copy()
    normalised = [
        dict(type='Normalize', mean=(123.7, 116.3, 103.5), std=(58.4, 57.1, 57.4), to_rgb=to_rgb),
        dict(type='Pad', size_divisor=32),
        dict(type='PackDetInputs'),
    ]
    packed = Compose(normalised)(results)
    back = inverse_transform(packed['img'].data, packed['img_metas'].data)
    np.testing.assert_array_equal(back, picture)
