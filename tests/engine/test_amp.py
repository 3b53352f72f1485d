"""Mixed precision on whatever this machine has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmlite.engine.amp import AmpOptimWrapper
from mmlite.engine.build import build_runner
from mmlite.errors import ConfigError
from tests.runs import scalars, tiny

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason='the choices of a CPU')


def test_a_run_trains_in_bfloat16(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path, **{'optim_wrapper.type': 'AmpOptimWrapper'}))
    dtypes = []
    neck = runner.model.module.neck
    neck.register_forward_hook(lambda _, __, outs: dtypes.append((neck.training, outs[-1].dtype)))
    runner.train()
    assert type(runner.optim_wrapper) is AmpOptimWrapper
    half = torch.float16 if torch.cuda.is_available() else torch.bfloat16
    assert {dtype for training, dtype in dtypes if training} == {half}
    losses = [line['loss'] for line in scalars(tmp_path) if 'loss' in line]
    assert losses and all(map(torch.isfinite, torch.tensor(losses)))
    assert all(p.dtype == torch.float32 for p in runner.model.parameters())


@no_gpu
def test_a_cpu_scales_no_loss() -> None:
    weight = torch.nn.Parameter(torch.ones(2))
    wrapper = AmpOptimWrapper(torch.optim.SGD([weight], lr=0.5), loss_scale=512.0)
    wrapper.update_params((weight * torch.tensor([1.0, 2.0])).sum())
    assert weight.tolist() == [0.5, 0.0]  # 1 - 0.5 * 1, 1 - 0.5 * 2
    wrapper.load_state_dict(wrapper.state_dict())


@no_gpu
def test_a_cpu_knows_bfloat16_alone() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1)
    with pytest.raises(ConfigError, match="a CPU knows 'bfloat16' alone, found 'float16'"):
        AmpOptimWrapper(optimizer, dtype='float16')
