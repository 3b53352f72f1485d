from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tests.failing_parts  # noqa: F401
from mmlite.engine.black_box.box import _set_by_hooks
from mmlite.engine.black_box.replay import (
    State,
    _batch,
    _load,
    _numerics,
    read_black_box,
    repeat,
)
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import NonFiniteLossError
from mmlite.models import build_detector
from mmlite.parallel import DataContainer
from tests.runs import tiny


@pytest.fixture(scope='module')
def state(tmp_path_factory: pytest.TempPathFactory) -> State:
    cfg = tiny(tmp_path_factory.mktemp('run'), model__bbox_head__type='DropoutHead')
    with pytest.raises(NonFiniteLossError):
        build_runner(cfg).train()
    return read_black_box(Path(cfg.work_dir) / 'black_box' / 'iter_3')


def test_the_batch_is_as_collate_made_it(state: State) -> None:
    extra = torch.ones(4, dtype=torch.uint8)
    batch = _batch({**state, 'batch': {**state['batch'], 'extra': extra}, 'cpu_only': ['extra']})
    assert isinstance(batch['extra'], DataContainer)
    assert batch['extra'].cpu_only
    assert batch['extra'].data is extra
    assert batch['img'].dtype == torch.uint8
    for meta in batch['img_metas']:
        assert isinstance(meta['scale_factor'], np.ndarray)
        assert meta['scale_factor'].dtype == np.float32


def test_the_settings_last_for_the_step() -> None:
    before = torch.get_num_threads()
    wanted = dict(
        threads=before + 1,
        deterministic=True,
        matmul_precision='high',
        cudnn_benchmark=True,
        cudnn_deterministic=True,
    )
    with _numerics(wanted):
        assert torch.get_num_threads() == before + 1
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_float32_matmul_precision() == 'high'
        assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == before
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_float32_matmul_precision() == 'highest'
    assert not torch.backends.cudnn.deterministic


def test_the_loss_is_divided_as_in_the_training(state: State, tmp_path: Path) -> None:
    def gradient(count: int) -> Tensor:
        detector = build_detector(tiny(tmp_path).model)
        repeat(detector, {**state, 'accumulative_counts': count}, 'cpu')
        return detector.bbox_head.cls_convs[0][0].bias.grad

    assert gradient(1).any()
    assert torch.allclose(gradient(4) * 4, gradient(1))


def test_what_hooks_set_in_the_model_is_set_again() -> None:
    def part(use_l1: bool) -> nn.Module:
        model = nn.Sequential(nn.Linear(1, 1))
        model[0].use_l1 = use_l1  # YOLOXModeSwitchHook
        return model

    then, now = part(True), part(False)
    state = dict(
        state_dict=then.state_dict(), in_eval_mode=[], frozen=[], set_by_hooks=_set_by_hooks(then)
    )
    assert state['set_by_hooks'] == {'0': {'use_l1': True}}
    _load(now, state)
    assert now[0].use_l1
