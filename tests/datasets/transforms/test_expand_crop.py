"""Expand and MinIoURandomCrop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms import Expand, MinIoURandomCrop
from mmlite.datasets.transforms.expand_crop import draw_patches, greatest_iou
from mmlite.datasets.transforms.geometry import crop_image, patch_ious
from mmlite.errors import ConfigError

MEAN = (123.675, 116.28, 103.53)


def marked_picture(height: int = 60, width: int = 80) -> np.ndarray:
    """A picture whose pixels say where they come from: (x, y, 255) in BGR."""
    img = np.full((height, width, 3), 255, np.uint8)
    img[..., 0] = np.arange(width)
    img[..., 1] = np.arange(height)[:, None]
    return img


def sample() -> dict:
    return dict(
        img=marked_picture(),
        gt_bboxes=np.array([[10, 10, 30, 30], [50, 20, 70, 50]], np.float32),
        gt_labels=np.array([1, 2]),
        gt_bboxes_ignore=np.array([[0, 0, 5, 5]], np.float32),
    )


def pixel_at(img: np.ndarray, box: np.ndarray) -> tuple[int, int]:
    """The mark of the pixel at the upper left corner of a box."""
    return tuple(img[int(box[1]), int(box[0]), :2].tolist())


def test_expand_moves_boxes_with_the_picture():
    np.random.seed(0)
    for _ in range(20):
        results = Expand(mean=MEAN, prob=1)(sample())
        img = results['img']
        assert img.shape == results['img_shape'] == results['pad_shape']
        assert 60 <= img.shape[0] <= 240 and 80 <= img.shape[1] <= 320
        assert pixel_at(img, results['gt_bboxes'][1]) == (50, 20)
        assert pixel_at(img, results['gt_bboxes_ignore'][0]) == (0, 0)
        assert (img == 255).sum() == 60 * 80  # the whole picture is there


@pytest.mark.parametrize(
    ('mean', 'to_rgb', 'bgr'),
    [
        (MEAN, True, (103, 116, 123)),
        (MEAN, False, (123, 116, 103)),
        ((0.485, 0.456, 0.406), True, (103, 116, 123)),  # 0.406 * 255 = 103.53 and so on
        ((0, 0, 0), True, (0, 0, 0)),
    ],
)
def test_expand_fill(mean, to_rgb, bgr):
    expand = Expand(mean=mean, to_rgb=to_rgb, ratio_range=(4, 4), prob=1)
    img = expand(dict(img=np.full((2, 2, 3), 255, np.uint8)))['img']
    assert img.shape == (8, 8, 3)
    outside = img[(img != 255).any(-1)]
    assert len(outside) == 60 and (outside == bgr).all()


def test_expand_probability():
    np.random.seed(0)
    expand = Expand(ratio_range=(2, 2))
    grown = sum(expand(dict(img=np.zeros((2, 2, 3))))['img'].shape == (4, 4, 3) for _ in range(900))
    assert abs(grown - 450) < 75  # five standard deviations of 15


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(mean=(1, 2)), 'three numbers'),
        (dict(ratio_range=(0.5, 2)), 'ratio_range'),
        (dict(ratio_range=(3, 2)), 'ratio_range'),
        (dict(prob=2), 'prob'),
    ],
)
def test_expand_refuses(arguments, message):
    with pytest.raises(ConfigError, match=message):
        Expand(**arguments)


@given(st.integers(1, 90), st.integers(1, 90), st.floats(0, 1), st.integers(0, 1000))
def test_patches_lie_in_the_picture_and_are_large_enough(width, height, min_crop_size, seed):
    np.random.seed(seed)
    patches = draw_patches((width, height), min_crop_size, 50)
    assert (patches[:, :2] >= 0).all() and (patches[:, 2:] <= (width, height)).all()
    sizes = patches[:, 2:] - patches[:, :2]
    # cutting both ends to whole pixels takes away less than one pixel in sum
    assert (sizes > np.array([width, height]) * min_crop_size - 1).all() and (sizes > 0).all()


@given(st.integers(2, 300), st.integers(2, 300), st.floats(0, 1), st.integers(0, 1000))
def test_no_patch_overlaps_the_smallest_box_more_than_the_limit(width, height, share, seed):
    np.random.seed(seed)
    corners = np.sort(np.random.uniform(0, 1, (4, 2, 2)), axis=1) * (width, height)
    bboxes = corners.reshape(4, 4).astype(np.float32)
    patches = draw_patches((width, height), share, 50)
    smallest_iou = patch_ious(bboxes, patches).min(1)
    assert (smallest_iou <= greatest_iou(bboxes, (width, height), share) + 1e-6).all()


def test_limit_of_small_boxes():
    box = np.array([[0, 0, 9, 8]], np.float32)
    # the least patch of 100 x 80 at 0.3 has 30 x 24 pixels, less one each: 72 / (29 * 23)
    assert greatest_iou(box, (100, 80), 0.3) == pytest.approx(0.10795, abs=1e-5)
    assert greatest_iou(box[:0], (100, 80), 0.3) == greatest_iou(box, (3, 80), 0.3) == np.inf


def test_a_round_that_cannot_succeed_draws_no_patch(monkeypatch):
    np.random.seed(0)
    crop = MinIoURandomCrop()
    crop.choices = (0.9, 0.9, None)
    monkeypatch.setattr(
        'mmlite.datasets.transforms.expand_crop.draw_patches', lambda *_: pytest.fail('drawn')
    )
    boxes = np.array([[0, 0, 9, 8], [0, 0, 90, 70]], np.float32)
    assert {crop.draw((100, 80), boxes) for _ in range(20)} == {None}


def test_patches_are_not_too_long():
    np.random.seed(0)
    patches = draw_patches((1000, 200), 0.1, 500)
    sizes = (patches[:, 2:] - patches[:, :2]).astype(float)
    aspects = sizes[:, 1] / sizes[:, 0]
    assert 0 < len(patches) < 500
    assert aspects.min() > 0.45 and aspects.max() < 2.1  # whole pixels: 20 high, 10 wide at least


def one_patch_at_a_time(size, min_size):
    """The recipe as the paper and mmdet tell it, to compare distributions with."""
    while True:
        w, h = np.random.uniform(min_size, 1, 2) * size
        if 0.5 <= h / w <= 2:
            x, y = np.random.uniform(0, 1, 2) * (np.array(size) - (w, h))
            return np.array([int(x), int(y), int(x + w), int(y + h)])


def test_patches_have_the_distribution_of_one_after_the_other():
    np.random.seed(0)
    size = (400, 300)
    ours = np.concatenate([draw_patches(size, 0.3, 50) for _ in range(100)])
    theirs = np.array([one_patch_at_a_time(size, 0.3) for _ in range(4000)])
    assert len(ours) > 3500
    # standard deviations are below 110 px, so those of the two means are below 2.6 px
    np.testing.assert_allclose(ours.mean(0), theirs.mean(0), atol=10)
    np.testing.assert_allclose(ours.std(0), theirs.std(0), atol=8)


def test_crop_keeps_boxes_on_their_pixels_and_labels_with_their_boxes():
    np.random.seed(0)
    seen = set()
    for _ in range(60):
        before = sample()
        results = MinIoURandomCrop(bbox_clip_border=False)(dict(before))
        img = results['img']
        height, width = img.shape[:2]
        assert results.get('img_shape', img.shape) == img.shape
        origin = img[0, 0, :2].astype(np.float32)
        assert len(results['gt_bboxes']) == len(results['gt_labels'])
        assert len(results['gt_bboxes']) + len(results['gt_bboxes_ignore'])
        for box, label in zip(results['gt_bboxes'], results['gt_labels'], strict=True):
            np.testing.assert_array_equal(box + np.tile(origin, 2), before['gt_bboxes'][label - 1])
            center = (box[:2] + box[2:]) / 2
            assert (center > 0).all() and (center < (width, height)).all()
        seen.add(tuple(results['gt_labels'].tolist()))
    assert {(1, 2), (1,), (2,)} <= seen


def test_crop_clips_at_the_patch():
    np.random.seed(1)
    for _ in range(30):
        results = MinIoURandomCrop()(sample())
        height, width = results['img'].shape[:2]
        for key in ('gt_bboxes', 'gt_bboxes_ignore'):
            assert (results[key] >= 0).all()
            assert (results[key] <= (width, height) * 2).all()


def test_crop_holds_every_box_to_the_least_iou():
    np.random.seed(0)
    crop = MinIoURandomCrop(min_ious=(0.3,))
    crop.choices = (0.3,)
    boxes = np.array([[10, 10, 70, 50], [20, 5, 78, 55]], np.float32)
    for _ in range(30):
        patch = crop.draw((80, 60), boxes)
        assert patch_ious(boxes, patch[None]).min() >= 0.3


def test_crop_that_no_patch_allows_leaves_the_picture_whole():
    np.random.seed(0)
    crop = MinIoURandomCrop(min_ious=(1.0,))
    crop.choices = (None, 1.0)
    results = crop(sample())  # two boxes far apart: never an IoU of 1 with both
    assert results['img'].shape == (60, 80, 3) and len(results['gt_bboxes']) == 2


def test_crop_without_boxes():
    np.random.seed(0)
    empty = np.zeros((0, 4), np.float32)
    sizes = set()
    for _ in range(20):
        results = MinIoURandomCrop()(
            dict(
                img=marked_picture(),
                gt_bboxes=empty,
                gt_bboxes_ignore=empty,
                gt_labels=np.zeros(0, np.int64),
            )
        )
        assert results['gt_bboxes'].shape == (0, 4) and results['gt_labels'].shape == (0,)
        sizes.add(results['img'].shape)
    assert len(sizes) > 5
    assert MinIoURandomCrop()(dict(img=marked_picture()))['img'].ndim == 3  # nothing but a picture


def test_cropped_picture_is_the_patch():
    np.random.seed(0)
    crop = MinIoURandomCrop()
    crop.choices = (0.0,)
    img = marked_picture()
    result = crop(dict(img=img))['img']
    x, y = result[0, 0, :2].astype(int)
    height, width = result.shape[:2]
    np.testing.assert_array_equal(result, crop_image(img, (x, y, x + width, y + height)))


def test_same_seed_same_crop():
    outcomes = []
    for _ in range(2):
        np.random.seed(5)
        crop = MinIoURandomCrop()
        outcomes.append([crop.draw((80, 60), sample()['gt_bboxes']) for _ in range(10)])
    for one, other in zip(*outcomes, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('arguments', [dict(min_ious=(1.5,)), dict(min_crop_size=-1)])
def test_crop_refuses(arguments):
    with pytest.raises(ConfigError, match='from 0 to 1'):
        MinIoURandomCrop(**arguments)
