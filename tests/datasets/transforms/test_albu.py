"""Albu, with albumentations where it is installed, and the advice where it is not."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from mmlite.datasets.transforms import Albu
from mmlite.errors import ConfigError


def test_without_the_library_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, 'albumentations', None)
    with pytest.raises(ConfigError, match=r"pip install 'mmlite\[albu\]'"):
        Albu(transforms=[])


@pytest.fixture
def albumentations():
    return pytest.importorskip('albumentations', reason="needs pip install 'mmlite[albu]'")


def sample() -> dict:
    img = np.zeros((40, 60, 3), np.uint8)
    img[5:15, 10:30] = 200
    return dict(
        img=img,
        gt_bboxes=np.float32([[10, 5, 30, 15], [40, 20, 60, 40]]),
        gt_labels=np.array([1, 2]),
        gt_bboxes_ignore=np.float32([[0, 30, 5, 40]]),
    )


def test_boxes_labels_and_ignored_boxes_follow(albumentations):
    results = Albu(transforms=[dict(type='HorizontalFlip', p=1.0)])(sample())
    assert results['gt_bboxes'] == pytest.approx(np.array([[30, 5, 50, 15], [0, 20, 20, 40]]))
    assert results['gt_bboxes_ignore'] == pytest.approx(np.array([[55, 30, 60, 40]]))
    assert results['gt_labels'].tolist() == [1, 2]
    assert results['gt_bboxes'].dtype == np.float32 and results['gt_labels'].dtype == np.int64
    assert (results['img'][5:15, 30:50] == 200).all()


def test_labels_of_dropped_boxes_go_too(albumentations):
    crop = dict(type='Crop', x_min=0, y_min=0, x_max=30, y_max=40, p=1.0)
    results = Albu(transforms=[crop])(sample())
    assert results['gt_bboxes'].tolist() == [[10, 5, 30, 15]]
    assert results['gt_labels'].tolist() == [1]
    assert results['gt_bboxes_ignore'].tolist() == [[0, 30, 5, 40]]
    assert results['img_shape'] == (40, 30, 3)
    right = dict(type='Crop', x_min=30, y_min=0, x_max=40, y_max=10, p=1.0)
    assert Albu(transforms=[right], skip_img_without_anno=True)(sample()) is None


def test_the_same_seed_gives_the_same_sample(albumentations):
    nested = dict(
        type='OneOf', p=1.0,
        transforms=[dict(type='RandomBrightnessContrast', p=1.0), dict(type='GaussNoise', p=1.0)],
    )  # fmt: skip
    transform = Albu(transforms=[nested])
    images = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        images.append(transform(sample())['img'])
    assert np.array_equal(images[0], images[1]) and not np.array_equal(images[0], images[2])


def test_an_image_without_boxes(albumentations):
    empty = dict(sample(), gt_bboxes=np.zeros((0, 4), np.float32), gt_labels=np.zeros(0, int))
    empty['gt_bboxes_ignore'] = empty['gt_bboxes']
    results = Albu(transforms=[dict(type='HorizontalFlip', p=1.0)])(empty)
    assert results['gt_bboxes'].shape == (0, 4) and results['gt_labels'].shape == (0,)


def test_mmdets_spelling(albumentations):
    Albu(
        transforms=[dict(type='HorizontalFlip')],
        bbox_params=dict(
            type='BboxParams', format='pascal_voc', label_fields=['gt_bboxes_labels'],
            min_visibility=0.1, filter_lost_elements=True,
        ),
        keymap=dict(img='image', gt_bboxes='bboxes'),
    )  # fmt: skip


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(transforms=[dict(type='HorizontalFlap')]), "no 'HorizontalFlap'.*'HorizontalFlip'"),
        (dict(transforms=[], bbox_params=dict(format='coco')), "'pascal_voc'; found 'coco'"),
        (dict(transforms=[], bbox_params=dict(min_visible=1)), "'min_visible'.*'min_visibility'"),
        (dict(transforms=[], bbox_params=dict(coord_format='yolo')), "'pascal_voc'; found 'yolo'"),
        (dict(transforms=[dict(type='Crop', x_min='a')]), r'Albu.transforms\[0\]: Crop'),
    ],
)
def test_mistakes(albumentations, args, message):
    with pytest.raises(ConfigError, match=message):
        Albu(**args)


def test_an_argument_of_another_version_is_refused(albumentations):
    # the library warns, and compresses with the quality that it likes
    old = dict(type='ImageCompression', quality_low=10)
    message = r"transforms\[0\]: ImageCompression takes no argument 'quality_low'.*'quality_range'"
    with pytest.raises(ConfigError, match=message):
        Albu(transforms=[old])
    inner = dict(type='OneOf', transforms=[dict(type='HorizontalFlip'), old])
    with pytest.raises(ConfigError, match=r'transforms\[1\]\.transforms\[1\]: ImageCompression'):
        Albu(transforms=[dict(type='HorizontalFlip'), inner])
    with pytest.raises(ConfigError, match="OneOf takes no argument 'prob'"):
        Albu(transforms=[dict(type='OneOf', prob=1, transforms=[])])


def test_an_argument_that_is_taken_has_its_effect(albumentations):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    off = {}
    for quality in (5, 95):
        compress = dict(type='ImageCompression', quality_range=(quality, quality), p=1.0)
        out = Albu(transforms=[compress])(dict(sample(), img=noise.copy()))['img']
        off[quality] = np.abs(out.astype(int) - noise).mean()
    assert off[5] > off[95] + 10  # 62 and 46 grey levels


def test_always_apply_of_old_configs(albumentations):
    flip = dict(type='HorizontalFlip', p=0.0, always_apply=True)
    assert Albu(transforms=[flip])(sample())['gt_bboxes'][0].tolist() == [30, 5, 50, 15]
    Albu(transforms=[dict(type='HorizontalFlip', always_apply=False)])
