"""Transforms that move the picture: a bright rectangle is where its box is afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.transforms import CutOut, RandomAffine, RandomShift
from mmlite.datasets.transforms.affine import affine_matrix
from mmlite.datasets.transforms.center_crop import margin
from mmlite.datasets.transforms.geometry import project_bboxes
from mmlite.errors import ArgumentError, ConfigError
from mmlite.registry import TRANSFORMS

BOX = (40, 30, 70, 80)


def sample(box: tuple[int, int, int, int] = BOX) -> dict:
    x1, y1, x2, y2 = box
    img = np.zeros((120, 160, 3), np.uint8)
    img[y1:y2, x1:x2] = (0, 250, 0)
    img.flags.writeable = False  # a transform must not change it
    return dict(
        img=img,
        img_shape=img.shape,
        gt_bboxes=np.float32([box]),
        gt_labels=np.array([3]),
        gt_bboxes_ignore=np.float32([[0, 0, 5, 5]]),
    )


def found(img: np.ndarray) -> np.ndarray:
    """The box around what is bright green."""
    ys, xs = np.nonzero((img[..., 1] > 125) & (img[..., 2] < 60))
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


MOVING = [
    dict(type='RandomAffine', scaling_ratio_range=(0.6, 1.4), border_val=0),
    dict(type='RandomShift', prob=1.0),
    dict(type='ShearX', img_border_value=0),
    dict(type='ShearY', img_border_value=0),
    dict(type='Rotate', img_border_value=0),
    dict(type='TranslateX', img_border_value=0),
    dict(type='TranslateY', img_border_value=0),
]


@pytest.mark.parametrize('cfg', MOVING, ids=lambda cfg: cfg['type'])
@pytest.mark.parametrize('seed', range(5))
def test_the_box_stays_on_its_object(cfg: dict, seed: int) -> None:
    np.random.seed(seed)
    results = TRANSFORMS.build(cfg)(sample())
    assert results['img'].shape == (120, 160, 3) and results['gt_labels'].tolist() == [3]
    # an edge lies between two pixels, and a blurred corner is not bright
    np.testing.assert_allclose(results['gt_bboxes'][0], found(results['img']), atol=2)


@pytest.mark.parametrize('cfg', MOVING, ids=lambda cfg: cfg['type'])
def test_the_same_numbers_move_it_in_the_same_way(cfg: dict) -> None:
    transform, pictures = TRANSFORMS.build(cfg), []
    for seed in (7, 7, 8):
        np.random.seed(seed)
        pictures.append(transform(sample())['img'])
    assert (pictures[0] == pictures[1]).all() and (pictures[0] != pictures[2]).any()


def test_scale_comes_first_and_the_shift_last() -> None:
    # (10, 20) doubled is (20, 40), turned by 90 degrees (-40, 20), moved by (50, 1) it is (10, 21)
    matrix = affine_matrix(90, 2, (0, 0), (50, 1))
    np.testing.assert_allclose(matrix @ [10, 20, 1], [10, 21, 1], atol=1e-5)


def test_corners_are_projected() -> None:
    boxes = np.float32([[0, 0, 2, 1]])
    # x' = x + y: the corners are at 0, 2, 3 and 1
    shear = np.float32([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert project_bboxes(boxes, shear).tolist() == [[0, 0, 3, 1]]
    assert project_bboxes(boxes[:0], shear).shape == (0, 4)


def test_boxes_that_leave_the_picture_are_dropped_with_their_labels() -> None:
    results = sample()
    results['gt_bboxes'] = np.float32([[0, 0, 20, 20], BOX])
    results['gt_labels'] = np.array([1, 2])
    affine = RandomAffine(0, 0, (1, 1), 0, border=(-40, -30))  # the middle 80 x 60, from its corner
    moved = affine(results)
    assert moved['img'].shape == (60, 80, 3)
    # not centred: mmdet, too, cuts at the right and below where a mosaic's centre is not
    assert moved['gt_bboxes'].tolist() == [[0, 0, 20, 20], [40, 30, 70, 60]]
    affine = RandomAffine(0, 0, (10, 10), 0)
    assert len(affine(sample())['gt_bboxes']) == 0  # ten times as large: it begins at 400


def test_a_shift_that_leaves_no_box_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np.random, 'randint', lambda *_: -80)
    before = sample()
    del before['gt_bboxes_ignore']
    after = RandomShift(prob=1.0, max_shift_px=100)(dict(before))
    assert after['img'] is before['img'] and after['gt_bboxes'] is before['gt_bboxes']


def test_a_window_around_a_random_point() -> None:
    crop = dict(type='RandomCenterCropPad', crop_size=(100, 80), mean=(1, 2, 3), to_rgb=True)
    transform, sizes = TRANSFORMS.build(dict(crop, ratios=(0.5, 1.5), border=40)), set()
    for seed in range(30):
        np.random.seed(seed)
        results = transform(sample())
        sizes.add(results['img_shape'][:2])
        assert results['img_shape'] == results['img'].shape
        assert results['gt_labels'].tolist() == [3]  # a window sees the centre of the only box ...
        np.testing.assert_allclose(results['gt_bboxes'][0], found(results['img']), atol=1e-3)
    assert sizes == {(40, 50), (120, 150)}
    assert (transform(sample())['img'] == (3, 2, 1)).all(axis=2).any()  # `mean` in BGR
    # 2 * 40 / 60 = 1.3: halved once; 2 * 40 / 80 = 1 exactly: halved once, or no point is left
    assert [margin(40, side) for side in (120, 60, 80, 20)] == [40, 20, 20, 5]


def test_a_box_that_no_window_sees() -> None:
    crop = dict(type='RandomCenterCropPad', crop_size=(10, 10), mean=(0, 0, 0), to_rgb=True)
    # its centre is at (2, 2), and the points are at least 32 pixels from each edge
    assert TRANSFORMS.build(dict(crop, border=32))(sample((0, 0, 4, 4))) is None


def test_holes() -> None:
    np.random.seed(0)
    results = CutOut(n_holes=(3, 5), cutout_shape=[(4, 4), (4, 8)], fill_in=(9, 9, 9))(sample())
    covered = (results['img'] == 9).all(axis=2)
    assert 3 * 4 <= covered.sum() <= 5 * 32
    assert results['gt_bboxes'].tolist() == [list(BOX)]
    whole = CutOut(n_holes=200, cutout_ratio=(1, 1), fill_in=7)(sample())
    assert (whole['img'][-1, -1] == 7).all()


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(type='RandomAffine', scaling_ratio_range=(0, 1)), r'\(least, greatest\) above 0'),
        (dict(type='RandomAffine', max_translate_ratio=2.0), '0 to 1'),
        (dict(type='RandomShift', max_shift_px=0), 'from 1 up'),
        (dict(type='CutOut', n_holes=1), 'one of cutout_shape'),
        (dict(type='CutOut', n_holes=1, cutout_ratio=(2, 1)), 'shares within 0 to 1'),
        (dict(type='CutOut', n_holes=(3, 1), cutout_shape=(1, 1)), r'\(least, most\)'),
        (dict(type='RandomCenterCropPad', crop_size=(9, 9)), 'mean and to_rgb are needed'),
        (dict(type='Rotate', level=11), '0 to 10'),
        (dict(type='Rotate', max_mag=200.0), 'within 0 to 180'),
        (dict(type='ShearX', interpolation='cubic'), 'one of nearest'),
    ],
)
def test_what_they_cannot_do(cfg: dict, message: str) -> None:
    with pytest.raises((ConfigError, ArgumentError), match=message):
        TRANSFORMS.build(cfg)


def test_a_border_that_leaves_nothing() -> None:
    with pytest.raises(ConfigError, match='leaves nothing of a picture of 160x120'):
        RandomAffine(border=(-80, -80))(sample())
