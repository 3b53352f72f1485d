from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from torch import nn

import tests.failing_parts  # noqa: F401
from mmlite.checkpoints.file import read_checkpoint
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import CheckInvalidLossHook, NonFiniteLossError
from mmlite.engine.runner import Runner
from tests.runs import Watch, equal, tiny

AMP = dict(optim_wrapper__type='AmpOptimWrapper')
NO_VALIDATION = dict(val_dataloader=None, val_evaluator=None)


def failed(*hooks: Hook, **overrides: object) -> tuple[Runner, str]:
    """Trains until a number is not finite; returns the message too."""
    runner = build_runner(tiny(**overrides))
    for hook in hooks:
        runner.register_hook(hook)
    with pytest.raises(NonFiniteLossError) as info:
        runner.train()
    return runner, str(info.value)


def test_the_run_stops_before_the_step(tmp_path: Path) -> None:
    watch = Watch()
    runner, message = failed(watch, work_dir=tmp_path, model__bbox_head__type='CountingHead')
    assert 'loss_bbox = nan' in message
    assert 'loss_cls = nan' not in message
    assert 'epoch 1, iteration 3' in message
    assert message.count('.jpg') == 4  # the files of the batch
    assert message.splitlines()[-1].endswith(
        f'python tools/replay.py {tmp_path / "black_box" / "iter_3"}'
    )
    assert len(watch.weights) == 2
    assert equal(watch.weights[-1], dict(runner.model.module.named_parameters()))


CLIPPED = dict(optim_wrapper__clip_grad=dict(max_norm=1.0))
ACCUMULATED = dict(optim_wrapper__accumulative_counts=2)


@pytest.mark.parametrize('overrides', [{}, CLIPPED, ACCUMULATED])
def test_an_infinite_gradient_stops_the_run_before_the_step(
    tmp_path: Path, overrides: dict
) -> None:
    watch = Watch()
    runner, message = failed(
        watch, work_dir=tmp_path, model__bbox_head__type='InfiniteGradientHead', **overrides
    )
    assert message.startswith('gradients are not finite: of backbone.conv1.weight, ')
    assert ' more, though the loss is: loss_cls = ' in message
    assert 'nan' not in message
    assert 'iteration 3' in message
    assert 'iter_3' in message.splitlines()[-1]
    assert equal(watch.weights[1], dict(runner.model.module.named_parameters()))
    state = read_checkpoint(tmp_path / 'black_box' / 'iter_3' / 'state.pth')
    names = state['nonfinite_grads']
    assert 'bbox_head.cls_convs.0.0.weight' in names
    assert not any('reg_convs' in name for name in names)  # also where gradients are clipped
    text = (tmp_path / 'black_box' / 'iter_3' / 'report.txt').read_text()
    assert 'Gradients: norm by part' in text
    assert f'not finite: {names[-1]}' in text


def test_a_gradient_whose_norm_overflows_is_in_order() -> None:
    hook = CheckInvalidLossHook()
    layer = nn.Linear(2, 1)
    layer.weight.grad = torch.full((1, 2), 1e30)  # its square is beyond float32
    hook._parameters = list(layer.named_parameters())
    hook._finite = torch.tensor(True)
    hook._look_at_gradients()
    hook._has_looked = False
    layer.weight.grad[0, 1] = float('inf')
    with pytest.raises(NonFiniteLossError, match='of weight '):
        hook._look_at_gradients()


@pytest.mark.parametrize('clipped', [{}, CLIPPED])
def test_a_scaler_may_overflow(tmp_path: Path, clipped: dict) -> None:
    class Scaled(Hook):
        """Gives the wrapper a scaler that is on, as on a GPU."""

        priority = 'HIGHEST'

        def before_train(self, runner: Runner) -> None:
            wrapper = runner.optim_wrapper
            wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=8.0)

    head = dict(model__bbox_head__type='InfiniteGradientHead')
    runner = build_runner(tiny(tmp_path, **head, **AMP, **clipped))
    runner.register_hook(Scaled())
    watch = Watch()
    runner.register_hook(watch)
    runner.train()
    skipped = [equal(*pair) for pair in itertools.pairwise(watch.weights)]
    assert skipped[1]  # the third step
    assert skipped.count(True) == 2  # the image comes once in an epoch


def test_without_a_scaler_autocast_is_noted(tmp_path: Path) -> None:
    failed(work_dir=tmp_path, model__bbox_head__type='InfiniteGradientHead', **AMP)
    state = read_checkpoint(tmp_path / 'black_box' / 'iter_3' / 'state.pth')
    assert state['amp_dtype'] == 'bfloat16'


def read_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the hook treat the CPU as a device that is not to be waited for."""
    monkeypatch.setattr('mmlite.engine.hooks.invalid_loss.is_read_at_once', lambda values: False)


@pytest.mark.parametrize('head', ['CountingHead', 'InfiniteGradientHead'])
def test_numbers_that_are_read_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    read_late(monkeypatch)
    watch = Watch()
    sgd = dict(type='SGD', lr=0.01)  # without momentum and decay: a gradient of 0 changes nothing
    overrides = dict(model__bbox_head__type=head, optim_wrapper__optimizer=sgd)
    runner, message = failed(watch, work_dir=tmp_path, param_scheduler=[], **overrides)
    assert 'epoch 1, iteration 3' in message
    assert 'iter_3' in message.splitlines()[-1]
    assert len(watch.weights) == 3
    assert not equal(watch.weights[0], watch.weights[1])
    assert equal(watch.weights[1], watch.weights[2])
    assert equal(watch.weights[1], dict(runner.model.module.named_parameters()))
    state = read_checkpoint(tmp_path / 'black_box' / 'iter_3' / 'state.pth')
    assert [Path(meta['filename']).name for meta in state['batch']['img_metas']] == [
        Path(file.strip()).name for file in message.split('images: ')[1].split(')')[0].split(',')
    ]
    assert state['state_dict']['backbone.bn1.num_batches_tracked'] == 2


def test_a_late_number_of_the_last_iteration_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_late(monkeypatch)
    overrides = dict(model__bbox_head__type='InfiniteGradientHead', train_cfg__max_epochs=1)
    _, message = failed(work_dir=tmp_path, val_cfg=None, **NO_VALIDATION, **overrides)
    assert 'iteration 3' in message


def test_it_lets_go_of_model_and_wrapper(tmp_path: Path) -> None:
    runner, _ = failed(work_dir=tmp_path, model__bbox_head__type='CountingHead', **CLIPPED)
    [hook] = [hook for hook in runner.hooks if isinstance(hook, CheckInvalidLossHook)]
    assert hook._runner is hook._step is None
    assert runner.optim_wrapper.clip_func is torch.nn.utils.clip_grad_norm_
    assert not runner.model._forward_hooks
    assert not runner.optim_wrapper.optimizer._optimizer_step_pre_hooks


class Toy(nn.Module):
    def __init__(self, losses: object) -> None:
        super().__init__()
        self.losses = losses

    def forward(self) -> object:
        return self.losses


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_infinite_is_not_finite(value: float) -> None:
    hook = CheckInvalidLossHook()
    with pytest.raises(NonFiniteLossError, match='loss_b = '):
        hook._look(Toy(None), (), dict(loss_a=torch.ones(()), loss_b=torch.tensor(value)))


@pytest.mark.parametrize('losses', [[1], {}, dict(a=torch.ones(2) / 0), dict(a=1.0)])
def test_what_is_no_loss_is_left_to_the_train_step(losses: object) -> None:
    CheckInvalidLossHook()._look(Toy(None), (), losses)


def test_in_testing_nothing_is_looked_at() -> None:
    CheckInvalidLossHook()._look(Toy(None).eval(), (), dict(loss=torch.tensor(float('nan'))))
