"""DefaultFormatBundle, Collect, PackDetInputs, and inverse_transform back to the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlite.datasets.transforms import (
    Collect,
    DefaultFormatBundle,
    Normalize,
    PackDetInputs,
    Pad,
    inverse_transform,
)
from mmlite.errors import ConfigError
from mmlite.parallel import DataContainer

PIXEL = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
UNIT = dict(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def picture(height: int = 5, width: int = 7) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def sample() -> dict:
    return dict(
        img=picture(),
        filename='a.jpg',
        img_id=3,
        flip=False,
        secret=1,
        gt_bboxes=np.array([[1, 2, 3, 4]], np.float64),
        gt_labels=np.array([2], np.int32),
        gt_bboxes_ignore=np.zeros((0, 4), np.float32),
    )


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_bundle_makes_a_contiguous_chw_picture_of_the_same_dtype(dtype):
    container = DefaultFormatBundle()(dict(img=picture().astype(dtype)))['img']
    assert isinstance(container, DataContainer)
    assert container.stack and container.padding_value == 0 and not container.cpu_only
    assert container.data.shape == (3, 5, 7) and container.data.is_contiguous()
    np.testing.assert_array_equal(container.data.numpy(), picture().transpose(2, 0, 1))
    assert container.data.numpy().dtype == dtype


def test_bundle_takes_a_view_with_negative_strides():
    img = picture()[1:4, ::-1]
    data = DefaultFormatBundle()(dict(img=img))['img'].data
    np.testing.assert_array_equal(data.numpy(), img.transpose(2, 0, 1))


def test_bundle_coerces_boxes_and_labels():
    results = DefaultFormatBundle()(sample())
    assert results['gt_bboxes'].data.dtype == torch.float32
    assert results['gt_labels'].data.dtype == torch.int64
    assert results['gt_bboxes_ignore'].data.shape == (0, 4)
    assert not results['gt_bboxes'].stack


def test_bundle_fills_in_the_shapes_of_a_lone_picture():
    results = DefaultFormatBundle()(dict(img=picture()))
    assert results['ori_shape'] == results['img_shape'] == results['pad_shape'] == (5, 7, 3)
    np.testing.assert_array_equal(results['scale_factor'], np.ones(4))


def test_collect_keeps_the_keys_and_the_metas_that_are_there():
    results = Collect(keys=['img', 'gt_bboxes'])(DefaultFormatBundle()(sample()))
    assert set(results) == {'img', 'gt_bboxes', 'img_metas'}
    metas = results['img_metas']
    assert metas.cpu_only and not metas.stack
    assert metas.data['filename'] == 'a.jpg' and metas.data['img_shape'] == (5, 7, 3)
    assert 'secret' not in metas.data and 'img_norm_cfg' not in metas.data


def test_collect_takes_other_metas():
    results = Collect(keys=['img'], meta_keys=('secret', 'absent'))(sample())
    assert results['img_metas'].data == dict(secret=1)


def test_collect_names_what_is_missing_and_what_is_there():
    with pytest.raises(ConfigError) as caught:
        Collect(keys=['img', 'gt_boxes'])(sample())
    message = str(caught.value)
    assert "'gt_boxes'" in message and "Did you mean 'gt_bboxes'" in message
    assert 'a.jpg holds: img, filename' in message


def test_pack_takes_what_is_loaded_and_always_the_default_metas():
    packed = PackDetInputs(meta_keys=('img_id', 'secret', 'absent'))(sample())
    assert set(packed) == {'img', 'gt_bboxes', 'gt_labels', 'gt_bboxes_ignore', 'img_metas'}
    assert packed['img'].data.shape == (3, 5, 7)
    metas = packed['img_metas'].data
    assert metas['img_id'] == 3 and metas['secret'] == 1
    assert {'img_shape', 'pad_shape', 'ori_shape', 'scale_factor', 'flip'} <= set(metas)
    assert set(PackDetInputs()(dict(img=picture()))) == {'img', 'img_metas'}


@pytest.mark.parametrize('norm', [PIXEL, UNIT])
@pytest.mark.parametrize('to_rgb', [True, False])
def test_inverse_of_a_pipeline_that_normalises_and_pads(norm, to_rgb):
    results = dict(img=picture(), img_shape=picture().shape)
    results = Pad(size_divisor=8)(Normalize(**norm, to_rgb=to_rgb)(results))
    packed = PackDetInputs()(results)
    assert packed['img'].data.shape == (3, 8, 8)
    restored = inverse_transform(packed['img'].data, packed['img_metas'].data)
    np.testing.assert_array_equal(restored, picture())
    assert restored.dtype == np.uint8 and restored.flags.c_contiguous


@pytest.mark.parametrize('norm', [PIXEL, UNIT])
def test_inverse_of_a_model_that_normalises(norm):
    img = torch.from_numpy(picture()[..., ::-1].transpose(2, 0, 1).copy()).float()
    if norm is UNIT:
        img = img / 255
    mean, std = (torch.tensor(norm[key])[:, None, None] for key in ('mean', 'std'))
    normalised = ((img - mean) / std).requires_grad_()
    np.testing.assert_array_equal(inverse_transform(normalised, **norm), picture())


def test_inverse_with_only_a_mean():
    img = torch.from_numpy(picture().transpose(2, 0, 1)).float() - 100
    restored = inverse_transform(img, mean=(100, 100, 100), to_rgb=False)
    np.testing.assert_array_equal(restored, picture())


def test_inverse_takes_the_loader_s_picture_as_it_is():
    packed = PackDetInputs()(dict(img=picture()))
    restored = inverse_transform(packed['img'].data, packed['img_metas'].data)
    np.testing.assert_array_equal(restored, picture())


def test_inverse_rounds_and_holds_to_0_255():
    img = torch.tensor([-3.0, 99.6, 300.0]).reshape(3, 1, 1).half()
    np.testing.assert_array_equal(inverse_transform(img), [[[0, 100, 255]]])


def test_inverse_takes_one_picture_only():
    with pytest.raises(ValueError, match=r'\(1, 3, 4, 4\)'):
        inverse_transform(torch.zeros(1, 3, 4, 4))


def with_boxes(*bboxes, ignored=()) -> dict:
    labels = np.arange(1, len(bboxes) + 1)
    ignored = np.array(ignored, np.float32).reshape(-1, 4)
    boxes = np.array(bboxes, np.float32).reshape(-1, 4)
    return {**sample(), 'gt_bboxes': boxes, 'gt_labels': labels, 'gt_bboxes_ignore': ignored}


@pytest.mark.parametrize('pack', [PackDetInputs(), None])
def test_no_loss_sees_a_box_without_size(pack):
    results = with_boxes(
        [1, 1, 4, 4], [2, 1, 2, 4], [1, 3, 4, 3], [4, 1, 1, 4], [1, 1, np.nan, 4],
        [1, 1, np.inf, 4], [0, 0, 1, 1], ignored=[[1, 1, 1, 9], [1, 1, 2, 2]],
    )  # fmt: skip
    if pack is None:  # 2.x's steps
        bundled = DefaultFormatBundle()(results)
        packed = Collect(['img', 'gt_bboxes', 'gt_labels', 'gt_bboxes_ignore'])(bundled)
    else:
        packed = pack(results)
    assert packed['gt_bboxes'].data.tolist() == [[1, 1, 4, 4], [0, 0, 1, 1]]
    assert packed['gt_labels'].data.tolist() == [1, 7]
    assert packed['gt_bboxes_ignore'].data.tolist() == [[1, 1, 2, 2]]
    assert packed['img_metas'].data['lost_boxes'] == 6


def test_boxes_with_a_size_stay_as_they_are():
    results = with_boxes([1, 1, 4, 4], [0, 0, 1e-3, 1])
    packed = PackDetInputs()(results)
    assert len(packed['gt_bboxes'].data) == len(packed['gt_labels'].data) == 2
    assert 'lost_boxes' not in packed['img_metas'].data
    none = PackDetInputs()(with_boxes([1, 1, 1, 4]))
    assert none['gt_bboxes'].data.shape == (0, 4) and none['gt_labels'].data.shape == (0,)


def test_labels_have_to_go_with_their_boxes():
    results = with_boxes([1, 1, 4, 4], [0, 0, 1, 1])
    results['gt_bboxes'] = results['gt_bboxes'][:1]
    with pytest.raises(ValueError, match='1 gt_bboxes and 2 gt_labels: a transform that drops'):
        PackDetInputs()(results)
