"""SmallObjectCrop: which box, where the window lies, and what is left as it is."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import Compose, SmallObjectCrop
from mmlite.errors import ConfigError

# 10x10 px, 40x60 px
BOXES = np.array([[80, 50, 90, 60], [5, 10, 45, 70]], np.float32)


def sample(boxes: np.ndarray = BOXES) -> dict:
    """A picture of 100 x 80 px (w x h) whose pixels say where they come from."""
    img = np.zeros((80, 100, 3), np.uint8)
    img[..., 0], img[..., 1] = np.arange(100), np.arange(80)[:, None]
    ignored = np.array([[0, 0, 4, 4]], np.float32)
    labels = np.arange(1, len(boxes) + 1)
    return dict(img=img, gt_bboxes=boxes, gt_labels=labels, gt_bboxes_ignore=ignored)


def test_the_window_holds_the_small_box_and_has_the_shape_of_the_picture():
    np.random.seed(0)
    corners = set()
    for _ in range(200):
        results = SmallObjectCrop(size_range=(0.5, 0.5), prob=1)(sample())
        img, boxes = results['img'], results['gt_bboxes']
        assert img.shape == results['img_shape'] == (40, 50, 3)
        small = boxes[results['gt_labels'].tolist().index(1)]
        # whole, and where its pixels are: the one at its corner came from (80, 50)
        assert (small[2:] - small[:2]).tolist() == [10, 10]
        assert img[int(small[1]), int(small[0])].tolist() == [80, 50, 0]
        corners.add(tuple(img[0, 0, :2].tolist()))
    # x1 from 90 - 50 to 100 - 50, y1 from 60 - 40 to 80 - 40
    left, top = ({corner[axis] for corner in corners} for axis in (0, 1))
    assert (left, top) == (set(range(40, 51)), set(range(20, 41)))


def test_boxes_and_labels_outside_are_dropped():
    np.random.seed(0)
    results = SmallObjectCrop(size_range=(0.4, 0.4), prob=1)(sample())
    # the window starts at x = 90 - 40 or later: the large box and the one to be ignored end before
    assert results['gt_labels'].tolist() == [1]
    assert results['gt_bboxes'].shape == (1, 4) and results['gt_bboxes_ignore'].shape == (0, 4)


def test_the_size_is_drawn():
    np.random.seed(0)
    crop = SmallObjectCrop(size_range=(0.2, 1), prob=1)
    widths = [crop(sample())['img'].shape[1] for _ in range(100)]
    assert min(widths) < 30 and max(widths) > 90


@pytest.mark.parametrize(
    ('args', 'boxes'),
    [
        (dict(prob=0), BOXES),
        (dict(prob=1, max_size=9.9), BOXES),  # the root of 10x10 is 10
        (dict(prob=1), np.zeros((0, 4), np.float32)),
    ],
    ids=['not drawn', 'no small box', 'no box'],
)
def test_the_picture_is_left_as_it_is(args, boxes):
    before = sample(boxes)
    assert SmallObjectCrop(**args)(dict(before)).keys() == before.keys()
    assert SmallObjectCrop(**args)(dict(before))['img'] is before['img']


def test_how_often():
    np.random.seed(0)
    crop = SmallObjectCrop(size_range=(0.5, 0.5), prob=0.25)
    cropped = sum(crop(sample())['img'].shape[1] == 50 for _ in range(2000))
    assert cropped / 2000 == pytest.approx(0.25, abs=0.03)  # three deviations


@pytest.mark.parametrize('box', [[0, 0, 3, 3], [97, 77, 100, 80], [97.5, 0, 99.5, 1.5]])
def test_a_box_at_the_border_stays_inside(box):
    np.random.seed(0)
    crop = SmallObjectCrop(size_range=(0.2, 0.9), prob=1)
    for _ in range(50):
        results = crop(sample(np.array([box], np.float32)))
        assert results['gt_bboxes'].shape == (1, 4)
        assert (np.diff(results['gt_bboxes'].reshape(2, 2), axis=0) > 1.4).all()


def test_a_box_larger_than_the_window_keeps_its_centre_in_it():
    np.random.seed(0)
    crop = SmallObjectCrop(max_size=100, size_range=(0.3, 0.3), prob=1)
    for _ in range(50):
        results = crop(sample(BOXES[1:]))
        # the window of 30 x 24 px lies within the box of 40 x 60
        assert results['gt_bboxes'].tolist() == [[0, 0, 30, 24]]


def test_in_a_pipeline_the_object_grows():
    np.random.seed(0)
    crop = dict(type='SmallObjectCrop', size_range=(0.5, 0.5), prob=1)
    pipeline = Compose([crop, dict(type='Resize', scale=(100, 80), keep_ratio=False)])
    results = pipeline(sample(BOXES[:1]))
    assert results['img'].shape == (80, 100, 3)
    assert (results['gt_bboxes'][0, 2:] - results['gt_bboxes'][0, :2]).tolist() == [20, 20]


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(max_size=0), 'max_size: pixels from 1 up are expected, found 0'),
        (dict(size_range=(0.8, 0.4)), r'size_range: .* found \(0.8, 0.4\)'),
        (dict(size_range=(0, 0.5)), 'size_range'),
        (dict(prob=2), 'prob: 0 to 1 is expected, found 2'),
    ],
)
def test_arguments_out_of_range(args, message):
    with pytest.raises(ConfigError, match=message):
        SmallObjectCrop(**args)
