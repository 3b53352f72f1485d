"""Mosaic and MixUp on pictures of one colour each, so that every pixel shows its source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlite.datasets.transforms import MixUp, Mosaic
from mmlite.datasets.transforms.canvas import mosaic_offset
from mmlite.errors import ConfigError

PAD = 114


def sample(value: int, width: int, height: int, boxes=None, label: int = 1) -> dict:
    boxes = [[0, 0, width, height]] if boxes is None else boxes
    return dict(
        img=np.full((height, width, 3), value, np.uint8),
        gt_bboxes=np.float32(boxes).reshape(-1, 4),
        gt_labels=np.full(len(boxes), label),
        gt_bboxes_ignore=np.zeros((0, 4), np.float32),
        img_id=value,
    )


def test_a_corner_of_each_picture_touches_the_centre():
    # centre (10, 8), a picture of 4 x 3
    assert [mosaic_offset(i, (10, 8), (4, 3)) for i in range(4)] == [
        (6, 5), (10, 5), (6, 8), (10, 8)
    ]  # fmt: skip


def test_mosaic():
    # quarters of 8 x 6, the centre at (8, 6) of 16 x 12
    first = sample(1, 8, 6, label=1)
    first['mix_results'] = [
        sample(2, 4, 3, label=2),  # doubled
        sample(3, 4, 6, [[1, 1, 3, 5]], label=3),  # as it is: 6 high
        sample(4, 16, 6, [[0, 0, 4, 6], [12, 0, 16, 6]], label=4),  # halved: 8 x 3
    ]
    results = Mosaic(img_scale=(8, 6), center_ratio_range=(1, 1), pad_val=PAD)(first)
    expected = np.full((12, 16), PAD)
    expected[:6, :8] = 1
    expected[:6, 8:] = 2
    expected[6:, 4:8] = 3
    expected[6:9, 8:] = 4
    np.testing.assert_array_equal(results['img'][..., 0], expected)
    assert results['gt_bboxes'].tolist() == [
        [0, 0, 8, 6], [8, 0, 16, 6], [5, 7, 7, 11], [8, 6, 10, 9], [14, 6, 16, 9]
    ]  # fmt: skip
    assert results['gt_labels'].tolist() == [1, 2, 3, 4, 4]
    assert results['img_shape'] == (12, 16, 3) and results['img_id'] == 1


def test_what_sticks_out_of_the_mosaic_is_cut():
    # the centre at a quarter: only the lower right quarter of the first is seen
    first = sample(1, 8, 6, [[0, 0, 2, 2], [2, 1, 8, 6]])
    first['mix_results'] = [sample(2, 8, 6)] * 3
    results = Mosaic(img_scale=(8, 6), center_ratio_range=(0.5, 0.5))(first)
    assert (results['img'][..., 0] == 1).sum() == 4 * 3
    # 4 to the left and 3 up: the first box is gone, the second cut
    assert results['gt_bboxes'][0].tolist() == [0, 0, 4, 3]
    assert len(results['gt_bboxes']) == len(results['gt_labels']) == 4
    first = sample(1, 8, 6, [[2, 1, 8, 6]])
    first['mix_results'] = [sample(2, 8, 6)] * 3
    mosaic = Mosaic(img_scale=(8, 6), center_ratio_range=(0.5, 0.5), bbox_clip_border=False)
    assert mosaic(first)['gt_bboxes'][0].tolist() == [-2, -2, 4, 3]


def test_mosaic_not_every_time():
    np.random.seed(0)
    mosaic = Mosaic(img_scale=(8, 6), prob=0.5)
    done = 0
    for _ in range(200):
        first = sample(1, 4, 4)
        first['mix_results'] = [sample(2, 4, 4)] * 3
        done += mosaic(first)['img'].shape == (12, 16, 3)
    assert 65 < done < 135  # five deviations of 7


def mixed(first: dict, second: dict, **args) -> dict:
    first['mix_results'] = [second]
    return MixUp(**{**dict(img_scale=(8, 6), ratio_range=(1, 1), flip_ratio=0), **args})(first)


def test_mixup_is_the_mean():
    results = mixed(sample(100, 8, 6), sample(50, 4, 3, [[0, 0, 2, 3]], label=2))
    assert (results['img'] == 75).all()
    # the second is doubled
    assert results['gt_bboxes'].tolist() == [[0, 0, 8, 6], [0, 0, 4, 6]]
    assert results['gt_labels'].tolist() == [1, 2]


def test_mixup_flips_the_second():
    second = sample(50, 8, 6, [[0, 0, 2, 3]])
    second['img'][:, :2] = 10
    results = mixed(sample(100, 8, 6), second, flip_ratio=1)
    assert results['gt_bboxes'][1].tolist() == [6, 0, 8, 3]
    assert (results['img'][:, 6:] == 55).all() and (results['img'][:, :6] == 75).all()


def test_mixup_pads_a_smaller_second_and_cuts_a_larger_one():
    results = mixed(sample(100, 8, 6), sample(50, 8, 6), ratio_range=(0.5, 0.5))
    # 4 x 3 at the top left, 114 elsewhere
    assert (results['img'][:3, :4] == 75).all() and (results['img'][3:] == 107).all()
    assert results['gt_bboxes'][1].tolist() == [0, 0, 4, 3]
    np.random.seed(0)
    second = sample(50, 8, 6, [[0, 0, 1, 1], [0, 0, 8, 6]])
    results = mixed(sample(100, 8, 6), second, ratio_range=(3, 3))
    assert results['gt_bboxes'][-1].tolist() == [0, 0, 8, 6]
    assert results['img'].shape == (6, 8, 3)


def test_mixup_leaves_a_sample_alone_that_would_get_no_box():
    results = mixed(sample(100, 8, 6), sample(50, 8, 6, []))
    assert (results['img'] == 100).all() and len(results['gt_bboxes']) == 1


@given(st.integers(0, 10**6))
def test_a_mark_stays_in_its_box(seed):
    """Each picture is black with a bright box; wherever a box is, it is bright."""
    rng = np.random.default_rng(seed)
    np.random.seed(seed % 2**32)
    samples = []
    for _ in range(4):
        width, height = rng.integers(8, 30, 2)
        x, y = rng.integers(0, width - 4), rng.integers(0, height - 4)
        one = sample(0, width, height, [[x, y, x + 4, y + 4]])
        one['img'][y : y + 4, x : x + 4] = 200
        samples.append(one)
    first, *others = samples
    first['mix_results'] = others
    results = Mosaic(img_scale=(24, 20), pad_val=0)(first)
    height, width = results['img'].shape[:2]
    for x1, y1, x2, y2 in results['gt_bboxes']:
        assert 0 <= x1 <= x2 <= width and 0 <= y1 <= y2 <= height
        inner = results['img'][int(y1 + 1) : int(y2 - 1), int(x1 + 1) : int(x2 - 1)]
        assert inner.size == 0 or inner.mean() > 100
    assert len(results['gt_bboxes']) == len(results['gt_labels'])


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: Mosaic(prob=2), '0 to 1'),
        (lambda: Mosaic(center_ratio_range=(1.5, 0.5)), r'\(least, greatest\) within 0 to 2'),
        (lambda: Mosaic()(sample(1, 4, 4)), 'needs 3 further samples: .*MultiImageMixDataset'),
        (lambda: MixUp()(sample(1, 4, 4)), 'MixUp: it needs 1 further'),
    ],
)
def test_what_it_cannot_do(build, message):
    with pytest.raises(ConfigError, match=message):
        build()
