from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmlite.config import load_config
from mmlite.engine.hooks import EMAHook
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from tests.runs import TINY

HEAD = 'bbox_head.cls_convs.0.0.weight'


def detector() -> nn.Module:
    return build_detector(load_config(TINY).model)


def floats(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, and batch norm's running statistics."""
    named = [*model.named_parameters(), *model.named_buffers()]
    return {n: t.detach() for n, t in named if t.is_floating_point() and 'preproc' not in n}


def shift(model: nn.Module, by: float) -> None:
    for tensor in floats(model).values():
        tensor += by


def iterate(hook: EMAHook, model: nn.Module, iteration: int) -> None:
    hook.after_train_iter(SimpleNamespace(model=model, iter=iteration, epoch=0), 0)


@pytest.mark.parametrize('update_buffers', [False, True])
def test_the_average_is_of_the_tensors_themselves(update_buffers: bool) -> None:
    model = detector()
    hook = EMAHook(momentum=0.25, update_buffers=update_buffers)
    hook.before_run(SimpleNamespace(model=model))
    iterate(hook, model, 0)  # the first one copies
    start = {name: tensor.clone() for name, tensor in floats(model).items()}
    shift(model, 4)
    iterate(hook, model, 1)
    for name, tensor in floats(hook.ema_model.module).items():
        copied = not update_buffers and 'running' in name
        # 0.75 * w + 0.25 * (w + 4) = w + 1
        torch.testing.assert_close(tensor, start[name] + (4 if copied else 1))
    assert HEAD in start


def test_until_it_begins_the_average_is_the_weights() -> None:
    model = detector()
    hook = EMAHook(momentum=0.25, begin_iter=10)
    hook.before_run(SimpleNamespace(model=model))
    shift(model, 4)
    iterate(hook, model, 0)
    for name, tensor in floats(hook.ema_model.module).items():
        assert torch.equal(tensor, floats(model)[name])


def test_it_begins_once() -> None:
    with pytest.raises(ConfigError, match='begin_iter or begin_epoch'):
        EMAHook(begin_iter=1, begin_epoch=1)


def test_each_kind_gets_only_what_it_takes() -> None:
    model = nn.Linear(1, 1)
    for kind in ('ExponentialMovingAverage', 'StochasticWeightAverage', 'MomentumAnnealingEMA'):
        hook = EMAHook(ema_type=kind, interval=2)
        hook.before_run(SimpleNamespace(model=model))
        assert type(hook.ema_model).__name__ == kind
