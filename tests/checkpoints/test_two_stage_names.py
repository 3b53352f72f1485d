"""Weights of detectors of two stages: the names and the order of mmdet 1.x and 2.x."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mmlite.checkpoints.loading import load_checkpoint
from mmlite.checkpoints.weight_names import from_own
from mmlite.models import build_detector
from tests.models.test_two_stage import model_of


def detector(name: str, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    built = build_detector(model_of(name))
    built.init_weights()
    return built


def saved(path: Path, weights: dict[str, Tensor], **meta: str) -> Path:
    torch.save(dict(meta=meta, state_dict=weights), path)
    return path


def equal(found: nn.Module, weights: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, weights[key]) for key, value in found.state_dict().items())


def of_1x(weights: dict[str, Tensor], per_class: bool) -> dict[str, Tensor]:
    """By hand: no roi_head, the background first, and a box for it where each class has one."""
    old = {key.removeprefix('roi_head.'): value for key, value in weights.items()}
    for key, value in old.items():
        if 'fc_cls' in key:
            old[key] = torch.cat([value[-1:], value[:-1]])
        if 'fc_reg' in key and per_class:
            old[key] = torch.cat([torch.randn_like(value[:4]), value])
    return old


@pytest.mark.parametrize('meta', [dict(mmdet_version='1.2.0'), {}])
@pytest.mark.parametrize('name', ['faster_rcnn', 'cascade_rcnn'])
def test_1x(name: str, meta: dict, tmp_path: Path) -> None:
    weights = detector(name, 0).state_dict()
    old = of_1x(weights, per_class=name == 'faster_rcnn')
    found = detector(name, 1)
    report = load_checkpoint(found, saved(tmp_path / 'a.pth', old, **meta), strict=True)
    assert report.layout == 'mmdet-1.x'  # its names say so where nothing else does
    assert equal(found, weights)
    # and back
    again = from_own(weights, 'mmdet-1.x', found)
    assert set(again) == set(old)
    same = [key for key in old if 'fc_reg' not in key]
    assert all(torch.equal(again[key], old[key]) for key in same)
    for key in set(old) - set(same):
        assert again[key].shape == old[key].shape
        assert torch.equal(again[key][-4:], old[key][-4:])


@pytest.mark.parametrize('name', ['faster_rcnn', 'cascade_rcnn'])
def test_2x_is_as_3x(name: str, tmp_path: Path) -> None:
    weights, found = detector(name, 0).state_dict(), detector(name, 1)
    path = saved(tmp_path / 'a.pth', weights, mmdet_version='2.28.0')
    assert load_checkpoint(found, path, strict=True).layout == 'mmdet-2.x'
    assert equal(found, weights)


def rpn(seed: int) -> nn.Module:
    model = model_of('faster_rcnn')
    del model['roi_head']
    cfgs = {key: dict(rpn=model[key]['rpn']) for key in ('train_cfg', 'test_cfg')}
    torch.manual_seed(seed)
    built = build_detector({**model, **cfgs, 'type': 'RPN'})
    built.init_weights()
    return built


def test_an_rpn_for_itself_had_another_name(tmp_path: Path) -> None:
    weights, found = rpn(0).state_dict(), rpn(1)
    old = {key.replace('bbox_head.', 'rpn_head.'): value for key, value in weights.items()}
    load_checkpoint(found, saved(tmp_path / 'a.pth', old, mmdet_version='2.0.0'), strict=True)
    assert equal(found, weights)


def test_a_first_stage_starts_from_an_rpn(tmp_path: Path) -> None:
    weights, found = rpn(0).state_dict(), detector('faster_rcnn', 1)
    path = saved(tmp_path / 'a.pth', weights, mmengine_version='0.10.7')
    report = load_checkpoint(found, path, min_share=0)
    assert not report.unexpected
    assert {key.split('.')[0] for key in report.missing} == {'roi_head'}
    assert torch.equal(found.rpn_head.rpn_cls.weight, weights['bbox_head.rpn_cls.weight'])
