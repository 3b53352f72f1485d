"""build_detector: what it builds, and where it says that a config is wrong."""

from __future__ import annotations

import copy

import pytest
import torch
from mmengine.config import Config

from mmlite.errors import ArgumentError, ConfigError, UnknownTypeError
from mmlite.models import build_detector
from mmlite.registry import TASK_UTILS

from .tiny import tiny_ssd


def test_builds_from_a_config_without_changing_it():
    cfg = Config(dict(model=tiny_ssd()))
    before = copy.deepcopy(cfg)
    build_detector(cfg.model)
    assert cfg.to_dict() == before.to_dict()


def test_spelling_of_mmdet_is_understood():
    model = tiny_ssd()
    model['bbox_head']['type'] = 'mmdet.SSDHead'
    model['train_cfg'].update(sampler=dict(type='PseudoSampler'), allowed_border=-1, debug=False)
    build_detector(model)


# path of the dict in which something is misspelt, what, and how it should be spelt
MISSPELT_TYPES = [
    ('model.bbox_head', 'SSDHed', 'SSDHead'),
    ('model.backbone', 'ResNett', 'ResNet'),
    ('model.neck', 'SDDNeck', 'SSDNeck'),
    ('model.data_preprocessor', 'DetDataPreprocesor', 'DetDataPreprocessor'),
    ('model.bbox_head.anchor_generator', 'SSDAnchorGenrator', 'SSDAnchorGenerator'),
    # the head builds it, but the file has it under model.train_cfg
    ('model.train_cfg.assigner', 'MaxIOUAsigner', 'MaxIoUAssigner'),
]


@pytest.mark.parametrize('as_config', [False, True], ids=['dict', 'Config'])
@pytest.mark.parametrize(('path', 'wrong', 'right'), MISSPELT_TYPES)
def test_misspelt_type(path, wrong, right, as_config):
    cfg = Config(dict(model=tiny_ssd())) if as_config else dict(model=tiny_ssd())
    _at(cfg, path)['type'] = wrong
    with pytest.raises(UnknownTypeError) as caught:
        build_detector(cfg['model'])
    message = str(caught.value)
    assert message.startswith(f"{path}: type '{wrong}' is not in the registry")
    assert f"Did you mean '{right}'" in message


@pytest.mark.parametrize(
    ('path', 'wrong', 'right'),
    [
        ('model', 'bbox_haed', 'bbox_head'),
        ('model.backbone', 'detph', 'depth'),
        ('model.bbox_head', 'num_class', 'num_classes'),
        ('model.train_cfg.assigner', 'pos_iou_threshold', 'pos_iou_thr'),
    ],
)
def test_misspelt_argument(path, wrong, right):
    cfg = dict(model=tiny_ssd())
    _at(cfg, path)[wrong] = 1
    with pytest.raises(ArgumentError) as caught:
        build_detector(cfg['model'])
    message = str(caught.value)
    assert message.startswith(f'{path}: ')
    assert f"takes no argument '{wrong}'. Did you mean '{right}'" in message


def test_missing_argument_and_missing_type():
    model = tiny_ssd()
    del model['bbox_head']['num_classes']
    with pytest.raises(ArgumentError, match=r"^model\.bbox_head: SSDHead needs .*'num_classes'"):
        build_detector(model)
    model = tiny_ssd()
    del model['neck']['type']
    with pytest.raises(ConfigError, match=r"^model\.neck: a dict with the key 'type'"):
        build_detector(model)


def test_an_error_leaves_no_path_behind():
    model = tiny_ssd()
    model['bbox_head']['type'] = 'SSDHed'
    with pytest.raises(UnknownTypeError):
        build_detector(model)
    # outside any detector the registry's own name stands for the path
    with pytest.raises(UnknownTypeError, match=r'^task util: '):
        TASK_UTILS.build(model['bbox_head'])


def test_init_weights_reaches_every_part():
    torch.manual_seed(0)
    model = tiny_ssd(
        backbone=dict(init_cfg=dict(type='Constant', layer='Conv2d', val=1.0)),
        neck=dict(init_cfg=dict(type='Constant', layer='Conv2d', val=2.0)),
        bbox_head=dict(init_cfg=dict(type='Constant', layer='Conv2d', val=3.0)),
    )
    detector = build_detector(model)
    before = detector.backbone.conv1.weight.clone()
    assert (before != 1).any()  # building draws nothing
    detector.init_weights()
    assert (detector.backbone.conv1.weight == 1).all()
    assert (detector.neck.extra_layers[0][1].conv.weight == 2).all()
    assert (detector.bbox_head.reg_convs[2][0].weight == 3).all()


def test_the_detectors_own_init_cfg_comes_before_its_parts():
    model = tiny_ssd(neck=dict(init_cfg=dict(type='Constant', layer='Conv2d', val=2.0)))
    model['init_cfg'] = dict(type='Constant', layer='Conv2d', val=5.0)
    detector = build_detector(model)
    detector.init_weights()
    assert (detector.neck.extra_layers[0][1].conv.weight == 2).all()


def _at(cfg, path: str) -> dict:
    for key in path.split('.'):
        cfg = cfg[key]
    return cfg
