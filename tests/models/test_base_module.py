"""First weights from a file: of a classifier, of a part of another model, of a whole detector."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmlite.config import load_config
from mmlite.errors import ConfigError, DataError
from mmlite.models import build_detector
from tests.runs import TINY


def saved(tmp_path: Path) -> tuple[str, dict[str, torch.Tensor]]:
    """A checkpoint of the tiny detector, and its weights."""
    weights = build_detector(load_config(TINY).model).state_dict()
    path = tmp_path / 'tiny.pth'
    torch.save(dict(meta=dict(mmengine_version='0.10'), state_dict=weights), path)
    return str(path), weights


def drawn(init_cfg: dict, part: str | None) -> torch.nn.Module:
    cfg = load_config(TINY).model
    (cfg if part is None else cfg[part])['init_cfg'] = init_cfg
    model = build_detector(cfg)
    model.init_weights()
    return model


@pytest.mark.parametrize('part', ['backbone', 'neck', 'bbox_head'])
@pytest.mark.parametrize('dot', ['', '.'])
def test_a_part_takes_its_own_from_a_detector(tmp_path: Path, part: str, dot: str) -> None:
    path, weights = saved(tmp_path)
    model = drawn(dict(type='Pretrained', checkpoint=path, prefix=part + dot), part)
    for key, value in getattr(model, part).state_dict().items():
        assert torch.equal(value, weights[f'{part}.{key}']), key


def test_a_detector_takes_all(tmp_path: Path) -> None:
    path, weights = saved(tmp_path)
    model = drawn(dict(type='Pretrained', checkpoint=path), None)
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


def test_mistakes(tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    with pytest.raises(DataError, match=r"nothing in it begins with the prefix 'bakbone\.'"):
        drawn(dict(type='Pretrained', checkpoint=path, prefix='bakbone'), 'backbone')
    with pytest.raises(ConfigError, match=r"takes no argument 'checkpont'\. Did you mean 'checkp"):
        drawn(dict(type='Pretrained', checkpont=path), 'backbone')
    with pytest.raises(ConfigError, match=r"ResNet\.init_cfg: Pretrained needs the argument 'c"):
        drawn(dict(type='Pretrained'), 'backbone')
