from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

from mmlite.checkpoints.file import read_checkpoint
from mmlite.checkpoints.weight_names import from_own
from mmlite.config import load_config
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import EMAHook
from mmlite.engine.runner import Runner
from mmlite.errors import ConfigError, DataError
from mmlite.models import build_detector
from tests.runs import CHECKOUT, CLASSES, TINY, equal, tiny

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


def test_weights_with_two_names_move_once() -> None:
    """As RTMDet's convolutions, which all levels share; mmengine moves them once for each name."""
    model = nn.ModuleDict(dict(first=nn.Linear(1, 1), second=nn.Linear(1, 1)))
    model['second'].weight = model['first'].weight
    hook = EMAHook(momentum=0.25, update_buffers=True)
    hook.before_run(SimpleNamespace(model=model))
    iterate(hook, model, 0)  # the first one copies
    start = model['first'].weight.item()
    model['first'].weight.data += 4
    iterate(hook, model, 1)
    # 0.75 * w + 0.25 * (w + 4) = w + 1; moved twice it were w + 1.75
    assert hook.ema_model.module['second'].weight.item() == pytest.approx(start + 1)


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


# ---- files ------------------------------------------------------------------------------------

EMA = dict(custom_hooks=[dict(type='EMAHook', momentum=0.5)])


class Tested(Hook):
    """Keeps the weights that are tested, and what a user's hook sees of the file."""

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self.seen = checkpoint['state_dict'].keys()

    def before_test_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        self.weights = copy.deepcopy(runner.model.module.state_dict())
        raise KeyboardInterrupt


def start_of_test(
    path: Path, work_dir: Path, hook: Hook | None = None, **overrides: object
) -> Tested:
    cfg = tiny(work_dir, **{**EMA, **overrides}, load_from=str(path))
    partial = 'model__bbox_head__num_classes' in overrides
    runner = build_runner(cfg, 'test', allow_partial=partial)
    watch = Tested()
    for one in (hook, watch):
        if one is not None:
            runner.register_hook(one, 'HIGHEST' if one is hook else 'VERY_LOW')
    with pytest.raises(KeyboardInterrupt):
        runner.test()
    return watch


@pytest.mark.parametrize('layout', ['mmdet-1.x', 'mmdet-3.x', 'module.'])
def test_any_file_is_tested_as_without_the_hook(tmp_path: Path, layout: str) -> None:
    """Hooks see the model's own names, and the average is what was loaded."""
    model = detector()
    weights = model.state_dict()
    saved = dict(mmlite_version='0', mmdet_version='3.3.0')
    if layout == 'mmdet-1.x':
        saved = dict(mmdet_version='1.2.0')
        weights = from_own(weights, layout, model)
        assert not torch.equal(weights['bbox_head.cls_convs.0.weight'], model.state_dict()[HEAD])
    if layout == 'module.':
        weights = {f'module.{key}': value for key, value in weights.items()}
    torch.save(dict(meta=saved, state_dict=weights), tmp_path / 'a.pth')
    watch = start_of_test(tmp_path / 'a.pth', tmp_path / 'w')
    assert watch.seen == model.state_dict().keys()
    assert equal(watch.weights, model.state_dict())


def test_torchvisions_file_is_tested_as_without_the_hook(tmp_path: Path) -> None:
    cfg = load_config(CHECKOUT / 'configs/fcos/fcos_demo.py').model
    model = build_detector(cfg)
    torch.save(from_own(model.state_dict(), 'torchvision', model), tmp_path / 'a.pth')
    watch = start_of_test(tmp_path / 'a.pth', tmp_path / 'w', model=cfg)
    assert equal(watch.weights, model.state_dict())


class Rename(Hook):
    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        weights = checkpoint['state_dict']
        checkpoint['state_dict'] = {k.removeprefix('net.'): v for k, v in weights.items()}


def test_a_hook_may_still_give_weights_their_names(tmp_path: Path) -> None:
    model = detector()
    weights = {f'net.{key}': value for key, value in model.state_dict().items()}
    torch.save(dict(meta=dict(mmdet_version='3.3.0'), state_dict=weights), tmp_path / 'a.pth')
    watch = start_of_test(tmp_path / 'a.pth', tmp_path / 'w', Rename())
    assert equal(watch.weights, model.state_dict())


def test_a_missing_tensor_is_refused_where_it_is_asked_for(tmp_path: Path) -> None:
    weights = detector().state_dict()
    del weights[HEAD]
    torch.save(dict(meta=dict(mmdet_version='3.3.0'), state_dict=weights), tmp_path / 'a.pth')
    strict = [dict(type='EMAHook', strict_load=True)]
    with pytest.raises(DataError, match=rf'^EMAHook.strict_load: the checkpoint has no {HEAD}'):
        start_of_test(tmp_path / 'a.pth', tmp_path / 'w', custom_hooks=strict)


@pytest.fixture(scope='module')
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work_dir = tmp_path_factory.mktemp('averaged')
    build_runner(tiny(work_dir, **EMA, val_dataloader=None, train_cfg__max_epochs=1)).train()
    return work_dir / 'epoch_1.pth'


FEWER = dict(
    model__bbox_head__num_classes=2,
    train_dataloader__dataset__classes=CLASSES[:2],
    val_dataloader=None,
)


def test_a_head_of_other_classes_is_averaged_from_its_own_weights(
    averaged: Path, tmp_path: Path
) -> None:
    cfg = tiny(tmp_path, **EMA, **FEWER, load_from=str(averaged), train_cfg__max_epochs=2)
    runner = build_runner(cfg, allow_partial=True)
    watch = AtStart()
    runner.register_hook(watch, 'VERY_LOW')
    runner.train()
    saved = read_checkpoint(averaged)
    assert equal({HEAD: watch.average[HEAD]}, {HEAD: watch.model[HEAD]})
    name = 'backbone.conv1.weight'
    assert torch.equal(watch.average[name], saved['state_dict'][name])
    assert torch.equal(watch.model[name], saved['state_dict'][name])


class AtStart(Hook):
    def before_train(self, runner: Runner) -> None:
        (ema,) = (hook for hook in runner.hooks if isinstance(hook, EMAHook))
        self.average = copy.deepcopy(ema.ema_model.module.state_dict())
        self.model = copy.deepcopy(runner.model.module.state_dict())


def test_an_average_that_begins_quickly() -> None:
    model = detector()
    hook = EMAHook(ema_type='mmdet.ExpMomentumEMA', momentum=0.1, gamma=2, update_buffers=True)
    hook.before_run(SimpleNamespace(model=model))
    iterate(hook, model, 0)  # the first one copies
    start = model.get_parameter(HEAD).detach().clone()
    shift(model, 4)
    iterate(hook, model, 1)
    # 0.9 * exp(-(1 + 1) / 2) + 0.1 = 0.4311 of the new weights
    average = hook.ema_model.module.get_parameter(HEAD)
    torch.testing.assert_close(average, start + 4 * 0.431091, atol=1e-4, rtol=0)


def test_an_unknown_average_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no 'ExpMomentumEma'. Did you mean 'ExpMomentumEMA'"):
        EMAHook(ema_type='ExpMomentumEma')
    with pytest.raises(ValueError, match='gamma: a number above 0'):
        EMAHook(ema_type='ExpMomentumEMA', gamma=-1).before_run(SimpleNamespace(model=detector()))
