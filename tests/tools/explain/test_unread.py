from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.tools.explain.unread import unread_keys
from tests.runs import LEAVES, tiny


def keys(cfg: dict, *parameters: str) -> list[str]:
    return [unread.key for unread in unread_keys(cfg, parameters)]


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_the_configs_hold_nothing_that_is_not_read(path: Path) -> None:
    assert keys(load_config(path)) == ['default_scope']


@pytest.mark.parametrize(
    'key',
    [
        'a_name_of_no_section',
        'env_cfg.cudnn_bench',
        'auto_scale_lr.enabled',
        'optim_wrapper.optimizer.paramwise_cfg',
        'optim_wrapper.paramwise_cfg.norm_decay',
        'model.train_cfg.pos_weight',  # mmdet's, accepted with the one value that it had
        'model.bbox_head.reg_decoded_bbox',
    ],
)
def test_a_key_that_nothing_reads(key: str, tmp_path: Path) -> None:
    cfg = tiny(tmp_path, **{key.replace('.', '__'): -1})
    assert keys(cfg) == [key, 'default_scope'] or keys(cfg) == ['default_scope', key]


def test_a_variable_whose_value_is_used_is_not_listed(tmp_path: Path) -> None:
    assert 'resize' in tiny(tmp_path)
    assert keys(tiny(tmp_path)) == ['default_scope']


def test_custom_keys_that_meet_no_parameter(tmp_path: Path) -> None:
    path = 'optim_wrapper.paramwise_cfg.custom_keys'
    cfg = tiny(tmp_path)
    cfg.optim_wrapper.paramwise_cfg = dict(custom_keys=dict(backbone=dict(), backbon_=dict()))
    assert keys(cfg, 'module.backbone.conv1.weight') == ['default_scope', f'{path}.backbon_']
