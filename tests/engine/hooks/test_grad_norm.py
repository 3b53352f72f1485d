from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmlite.engine.amp import AmpOptimWrapper
from mmlite.engine.build import build_runner
from mmlite.engine.hooks.grad_norm import GradNormHook, grad_norms
from mmlite.engine.step import train_step
from mmlite.parallel import MMDataParallel
from tests.runs import log, scalars, tiny

PARTS = ('backbone', 'neck', 'bbox_head', 'all')


class Toy(nn.Module):
    """A wrapped detector whose losses have these gradients, and 12 and 0 for the head."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Linear(1, 2, bias=False)
        self.bbox_head = nn.Linear(2, 1, bias=False)

    def forward(self, of_backbone: Sequence[float], return_loss: bool = True) -> dict[str, Tensor]:
        backbone = self.backbone.weight[:, 0] * torch.tensor(of_backbone)
        return dict(loss=backbone.sum() + 12 * self.bbox_head.weight[0, 0])


def logged(detector: nn.Module, wrapper: OptimWrapper, *of_backbone: float) -> dict[str, float]:
    """Measures one step of the optimiser; returns what reaches the log."""
    found: dict[str, float] = {}
    hub = SimpleNamespace(update_scalar=found.__setitem__)
    model = MMDataParallel(detector, device_ids=[])
    runner = SimpleNamespace(model=model, optim_wrapper=wrapper, message_hub=hub, iter=9)
    hook = GradNormHook()
    hook.before_train_iter(runner, 9)

    def call_hook(point: str, **_: object) -> None:
        if point == 'after_backward':
            hook.after_backward(runner, 9)

    train_step(model, dict(of_backbone=of_backbone), wrapper, call_hook)
    measured = dict(found)
    hook.after_backward(runner, 10)
    assert found == measured  # the next step is not measured
    return measured


def test_the_norms_of_the_parts() -> None:
    model = Toy()
    model([3, 4])['loss'].backward()
    # sqrt(9 + 16) = 5, sqrt(144) = 12, sqrt(25 + 144) = 13
    assert grad_norms(model) == dict(backbone=5, bbox_head=12, all=13)
    model.backbone.weight.grad = None  # frozen
    assert grad_norms(model) == dict(bbox_head=12, all=12)


def test_they_are_those_before_clipping_and_the_step_is_made() -> None:
    model = Toy()
    before = model.bbox_head.weight.detach().clone()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    wrapper = OptimWrapper(sgd, clip_grad=dict(max_norm=1.3))
    found = logged(model, wrapper, 3, 4)
    assert found['train/grad_norm/all'] == 13
    # clipped to a tenth: the first weight moves by 1.2
    moved = before - model.bbox_head.weight.detach()
    torch.testing.assert_close(moved, torch.tensor([[1.2, 0.0]]))


def test_the_scale_of_mixed_precision_is_taken_out() -> None:
    model = Toy()
    wrapper = AmpOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=8.0)  # as on a GPU
    assert logged(model, wrapper, 3, 4)['train/grad_norm/backbone'] == 5
    assert logged(model, wrapper, 3, float('inf')) == {}  # the scaler will not make this step


def test_an_overflow_without_a_scaler_is_shown() -> None:
    model = Toy()
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    found = logged(model, wrapper, 24, float('inf'))
    assert found['train/grad_norm/backbone'] == float('inf')
    assert found['train/grad_norm/bbox_head'] == 12


class Steps(Hook):
    """Keeps the norm of all gradients at each step of the optimiser, by iteration."""

    def __init__(self) -> None:
        self.norms: dict[int, float] = {}

    def before_train(self, runner: object) -> None:
        def look(*args: object) -> None:
            self.norms[runner.iter + 1] = grad_norms(runner.model.module)['all']

        runner.optim_wrapper.optimizer.register_step_pre_hook(look)


@pytest.mark.parametrize(('accumulative_counts', 'measured'), [(1, [2, 4, 6]), (3, [3, 6])])
def test_the_log_has_the_means_over_its_window(
    tmp_path: Path, accumulative_counts: int, measured: list[int]
) -> None:
    cfg = tiny(
        tmp_path,
        custom_hooks=[dict(type='GradNormHook', interval=2)],
        default_hooks__logger__interval=1,
        log_processor__window_size=4,  # iterations: two measurements
        optim_wrapper__accumulative_counts=accumulative_counts,
    )
    runner, steps = build_runner(cfg), Steps()
    runner.register_hook(steps)
    runner.train()
    lines = {line['iter']: line for line in scalars(tmp_path) if 'loss' in line}
    values = [steps.norms[iteration] for iteration in measured]
    assert 'grad_norm/all' not in lines[measured[0] - 1]
    assert lines[measured[0]]['grad_norm/all'] == pytest.approx(values[0])
    assert lines[6]['grad_norm/all'] == pytest.approx(sum(values[-2:]) / 2)
    assert all(lines[6][f'grad_norm/{part}'] > 0 for part in PARTS)
    shown = [f'grad_norm/{part}: {lines[6][f"grad_norm/{part}"]:.4f}' for part in PARTS]
    assert '  '.join(shown) in log(tmp_path)


def test_it_works_with_mixed_precision(tmp_path: Path) -> None:
    cfg = tiny(
        tmp_path,
        custom_hooks=[dict(type='GradNormHook', interval=1)],
        optim_wrapper__type='AmpOptimWrapper',
        train_cfg__max_epochs=1,
    )
    build_runner(cfg).train()
    assert scalars(tmp_path)[0]['grad_norm/all'] > 0
