"""What goes into the file against the pipeline and the model's own preprocessor."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.datasets.transforms import Compose
from mmlite.datasets.transforms.loading import set_loaded_image
from mmlite.errors import ConfigError
from mmlite.parallel import collate, scatter
from mmlite.registry import TASK_UTILS
from mmlite.tools.export.preprocessing import Preprocessing, preprocessing_of
from tests.runs import CONFIGS

IMG = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def by_the_config(cfg: Config, img: np.ndarray) -> tuple[torch.Tensor, dict]:
    """The network's input and the meta data as in a test."""
    pipeline = Compose(list(cfg.test_dataloader.dataset.pipeline)[1:])
    batch = scatter(collate([pipeline(set_loaded_image(dict(filename='a'), img.copy()))]), 'cpu')
    preprocessor = TASK_UTILS.build(
        cfg.model.get('data_preprocessor') or dict(type='DetDataPreprocessor')
    )
    return preprocessor.eval()(batch['img'], batch['img_metas']), batch['img_metas'][0]


@pytest.mark.parametrize(
    ('config', 'size'),
    [
        ('ssd/ssd300_voc.py', None),
        ('ssd/ssd_demo.py', None),
        ('ssd/ssd300_bccd.py', None),
        ('retinanet/retinanet_r18_fpn_bccd.py', (320, 256)),
        ('fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py', (1088, 800)),
    ],
)
def test_it_is_the_input_of_a_test(config: str, size: tuple[int, int] | None) -> None:
    cfg = load_config(CONFIGS / config)
    expected, meta = by_the_config(cfg, IMG)
    found, shape, factor = preprocessing_of(cfg, size)(IMG)
    assert shape == tuple(meta['img_shape'][:2])
    np.testing.assert_allclose(factor, meta['scale_factor'], rtol=1e-6)
    np.testing.assert_allclose(found, expected[0].numpy(), atol=1e-5)


def test_normalize_and_pad_of_a_pipeline_of_2x() -> None:
    norm = dict(type='Normalize', mean=[103.5, 116.3, 123.7], std=[1.0, 2.0, 3.0], to_rgb=False)
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', img_scale=(100, 80)),
        norm,
        dict(type='Pad', size_divisor=32),
        dict(type='DefaultFormatBundle'),
        dict(type='Collect', keys=['img']),
    ]
    cfg = Config(dict(model={}, test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    expected, _ = by_the_config(cfg, IMG)  # 48 x 64 to 75 x 100, padded to 96 x 128
    found = preprocessing_of(cfg)
    assert (found.size, found.fit) == ((128, 96), (100, 80))
    np.testing.assert_allclose(found(IMG)[0], expected[0].numpy(), atol=1e-4)
    cfg.test_dataloader.dataset.pipeline[3].pad_val = 114
    with pytest.raises(ConfigError, match='a Pad can be exported only with size_divisor'):
        preprocessing_of(cfg)


PLAIN = dict(interpolation='bilinear', to_rgb=False, mean=(0.0,) * 3, std=(1.0,) * 3, pad_value=7.0)


def test_a_picture_that_lies_the_other_way_is_fitted_in() -> None:
    fitted = Preprocessing(size=(64, 32), fit=(60, 32), keep_ratio=True, **PLAIN)
    tall = np.zeros((64, 16, 3), np.uint8)
    found, shape, factor = fitted(tall)  # 32 / 64 = 0.5
    assert shape == (32, 8) and factor.tolist() == [0.5] * 4
    assert (found[:, :, :8] == 0).all() and (found[:, :, 8:] == 7).all()


def test_without_keep_ratio_the_picture_fills_the_input() -> None:
    found = Preprocessing(size=(64, 32), fit=(64, 32), keep_ratio=False, **PLAIN)
    assert not found.pads
    _, shape, factor = found(IMG)
    np.testing.assert_allclose(factor, [1, 32 / 48, 1, 32 / 48])
    assert shape == (32, 64)
    assert Preprocessing(size=(64, 64), fit=(64, 50), keep_ratio=False, **PLAIN).pads


def test_it_survives_json() -> None:
    found = preprocessing_of(load_config(CONFIGS / 'ssd/ssd300_voc.py'))
    assert Preprocessing.from_dict(json.loads(json.dumps(asdict(found)))) == found


@pytest.mark.parametrize(
    ('step', 'message'),
    [
        (dict(type='RandomFlip', prob=0.5), r"pipeline\[1\]: 'RandomFlip' cannot be exported"),
        (dict(type='LoadAnnotations'), 'a Resize with a scale is expected'),
        (dict(type='Resize', scale_factor=0.5), 'a Resize with a scale is expected'),
    ],
)
def test_what_cannot_be_described(step: dict, message: str) -> None:
    pipeline = [dict(type='LoadImageFromFile'), step, dict(type='PackDetInputs')]
    cfg = Config(dict(model={}, test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    with pytest.raises(ConfigError, match=message):
        preprocessing_of(cfg)
