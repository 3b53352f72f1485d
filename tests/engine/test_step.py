"""The step of a training, by hand and beside that of mmengine's optimiser wrappers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor, nn

import tests.failing_parts  # noqa: F401
from mmlite.engine.amp import AmpOptimWrapper
from mmlite.engine.build import build_runner
from mmlite.engine.hooks import CheckInvalidLossHook, GradNormHook, NonFiniteLossError
from mmlite.engine.step import own_way, train_step
from mmlite.errors import ConfigError
from mmlite.parallel import MMDataParallel
from mmlite.registry import OPTIM_WRAPPERS
from tests.doc_blocks import blocks
from tests.parallel.toy import ToyDetector, toy_batch
from tests.runs import Watch, log, tiny


class Points:
    """Stands for the hooks of a run: keeps what they find at each point."""

    def __init__(self, model: nn.Module) -> None:
        self.weight = model.module.weight
        self.found: list[tuple] = []

    def __call__(self, point: str, grad_norm: Tensor | None = None) -> None:
        given = () if grad_norm is None else (grad_norm.item(),)
        self.found.append((point, self.weight.grad.item(), self.weight.item(), *given))


def toy() -> MMDataParallel:
    return MMDataParallel(ToyDetector(), device_ids=[])


def sgd(model: nn.Module, cls: type[OptimWrapper] = OptimWrapper, **options: Any) -> OptimWrapper:
    return cls(optimizer=torch.optim.SGD(model.parameters(), lr=0.1), **options)


def scaled(model: nn.Module, scale: float, **options: Any) -> OptimWrapper:
    """Returns a wrapper with a scaler that is on, as one of float16 has on a GPU."""
    wrapper = sgd(model, AmpOptimWrapper, **options)
    wrapper.loss_scaler = torch.amp.GradScaler('cpu', init_scale=scale)
    return wrapper


# a batch of images 1 and 3 has 2 * mean(1, 3) = 4 for each loss and a gradient of 2 + 2 = 4


def test_the_points_of_a_step() -> None:
    model = toy()
    points = Points(model)
    log_vars = train_step(model, toy_batch([1, 3]), sgd(model, clip_grad=dict(max_norm=1)), points)
    assert {key: value.item() for key, value in log_vars.items()} == {
        'loss': 8,
        'loss_cls': 4,
        'loss_bbox': 4,
    }
    after, before = points.found
    assert after == ('after_backward', 4, 2)
    # clipped to a norm of 1, by 1 / (4 + 1e-6); the weight is still 2, and what is handed over is 4
    assert before == ('before_update', pytest.approx(1, abs=1e-6), 2, 4)
    assert model.module.weight.item() == pytest.approx(2 - 0.1)
    assert model.module.weight.grad is None


@pytest.mark.parametrize('clip_grad', [None, dict(type='value', clip_value=3)])
def test_a_step_without_a_norm(clip_grad: dict | None) -> None:
    model = toy()
    points = Points(model)
    train_step(model, toy_batch([1, 3]), sgd(model, clip_grad=clip_grad), points)
    gradient = 3 if clip_grad else 4
    assert points.found == [('after_backward', 4, 2), ('before_update', gradient, 2)]


def test_accumulated_gradients() -> None:
    model = toy()
    wrapper = sgd(model, accumulative_counts=2)
    wrapper.initialize_count_status(model, 0, 3)
    points = Points(model)
    for image in (1, 3, 5):
        train_step(model, toy_batch([image]), wrapper, points)
    # halves of 1 + 1 and of 3 + 3 make 4; the last iteration is left over and counts as a whole
    assert [found[:2] for found in points.found] == [
        ('after_backward', 1),
        ('after_backward', 4),
        ('before_update', 4),
        ('after_backward', 10),
        ('before_update', 10),
    ]
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 4 - 0.1 * 10)


def test_processes_exchange_gradients_that_are_used_only() -> None:
    model = toy()
    entered: list[int] = []

    @contextmanager
    def no_sync() -> Iterator[None]:
        entered.append(wrapper.inner_count)
        yield

    model.no_sync = no_sync  # as DDP has it
    wrapper = sgd(model, accumulative_counts=3)
    wrapper.initialize_count_status(model, 0, 5)
    for _ in range(5):
        train_step(model, toy_batch([1]), wrapper)
    assert entered == [0, 1, 3]  # updates come after the iterations of count 2 and 4


@pytest.mark.parametrize('clip_grad', [None, dict(max_norm=8)])
def test_hooks_see_no_scale(clip_grad: dict | None) -> None:
    model = toy()
    points = Points(model)
    wrapper = scaled(model, 1024.0, clip_grad=clip_grad, accumulative_counts=2)
    train_step(model, toy_batch([1]), wrapper, points)
    train_step(model, toy_batch([3]), wrapper, points)
    norm = (4,) if clip_grad else ()
    assert points.found == [
        ('after_backward', 1024, 2),  # it is still gathered: (1 + 1) / 2 times the scale
        ('after_backward', 4, 2),
        ('before_update', 4, 2, *norm),
    ]
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 4)


def test_a_scaler_skips_gradients_that_overflow() -> None:
    model = toy()
    points = Points(model)
    wrapper = scaled(model, 2.0**127)  # 2 times 4 times that is beyond float32
    train_step(model, toy_batch([1, 3]), wrapper, points)
    assert [found[1] for found in points.found] == [float('inf')] * 2
    assert model.module.weight.item() == 2
    assert wrapper.loss_scaler.get_scale() == 2.0**126


@pytest.mark.parametrize('clip_grad', [None, dict(max_norm=0.5), dict(type='value', clip_value=1)])
@pytest.mark.parametrize('scale', [None, 64.0])
def test_the_bits_are_those_of_mmengine(scale: float | None, clip_grad: dict | None) -> None:
    """`model.train_step` lets mmengine's `update_params` do all, from the backward pass on."""
    start, *ends = [
        weights_after(steps, own, scale, clip_grad)
        for steps, own in ((0, True), (7, True), (7, False))
    ]
    assert torch.equal(*ends)
    assert not torch.equal(start, ends[0])


class Layers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x: Tensor, return_loss: bool) -> dict[str, Tensor]:
        out = self.net(x)
        return dict(loss_a=out.square().mean(), loss_b=out.abs().sum())


def weights_after(steps: int, own: bool, scale: float | None, clip_grad: dict | None) -> Tensor:
    torch.manual_seed(0)
    model = MMDataParallel(Layers(), device_ids=[])
    options = dict(accumulative_counts=2, clip_grad=clip_grad and dict(clip_grad))
    wrapper = sgd(model, **options) if scale is None else scaled(model, scale, **options)
    wrapper.initialize_count_status(model, 0, 7)
    for _ in range(steps):
        data = dict(x=torch.randn(3, 4))
        if own:
            train_step(model, data, wrapper)
        else:
            model.train_step(data, wrapper)
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_wrapper_clips_again_after_a_step_that_failed() -> None:
    model = toy()
    wrapper = sgd(model, clip_grad=dict(max_norm=1))

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    handle = wrapper.optimizer.register_step_pre_hook(fail)
    with pytest.raises(ZeroDivisionError):
        train_step(model, toy_batch([1, 3]), wrapper)
    assert wrapper.clip_grad_kwargs == dict(max_norm=1)
    handle.remove()
    train_step(model, toy_batch([1, 3]), wrapper)
    assert wrapper.clip_grad_kwargs == dict(max_norm=1)


# ---- parts of others ------------------------------------------------------------------------


class OwnUpdate(OptimWrapper):
    def update_params(self, loss: Tensor, **kwargs: Any) -> None:
        super().update_params(2 * loss, **kwargs)


@OPTIM_WRAPPERS.register_module()
class OwnStep(OptimWrapper):
    """Doubles gradients before it steps."""

    def step(self, **kwargs: Any) -> None:
        for group in self.optimizer.param_groups:
            for parameter in group['params']:
                parameter.grad *= 2
        super().step(**kwargs)


class OwnClip(OptimWrapper):
    def _clip_grad(self) -> None:
        self.optimizer.param_groups[0]['params'][0].grad *= 2


class OwnModel(MMDataParallel):
    def train_step(self, data: dict, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        loss = sum(self(**data, return_loss=True).values())
        optim_wrapper.update_params(2 * loss)
        return dict(loss=loss.detach())


@pytest.mark.parametrize(
    ('model_cls', 'wrapper_cls', 'method'),
    [
        (MMDataParallel, OwnUpdate, 'OwnUpdate.update_params'),
        (MMDataParallel, OwnStep, 'OwnStep.step'),
        (MMDataParallel, OwnClip, 'OwnClip._clip_grad'),
        (OwnModel, OptimWrapper, 'OwnModel.train_step'),
    ],
)
def test_a_part_that_steps_its_own_way(model_cls: type, wrapper_cls: type, method: str) -> None:
    model = model_cls(ToyDetector(), device_ids=[])
    wrapper = sgd(model, wrapper_cls, clip_grad=dict(max_norm=100))
    assert own_way(model, wrapper) == method
    points = Points(model)
    log_vars = train_step(model, toy_batch([1, 3]), wrapper, points)
    assert log_vars['loss'].item() == 8
    assert points.found == [('before_update', 8, 2)]  # all of them double the gradient of 4
    assert model.module.weight.item() == pytest.approx(2 - 0.1 * 8)
    assert not wrapper.optimizer._optimizer_step_pre_hooks


def test_those_of_mmlite_and_mmengine_are_known() -> None:
    model = toy()
    for wrapper in (sgd(model), sgd(model, AmpOptimWrapper), scaled(model, 8.0)):
        assert own_way(model, wrapper) is None


NO_VALIDATION = dict(val_dataloader=None, val_evaluator=None, val_cfg=None)


def test_a_run_names_the_hooks_that_are_left_out(tmp_path: Path) -> None:
    """Numbers that are not finite are still found."""
    overrides = dict(optim_wrapper__type='OwnStep', model__bbox_head__type='InfiniteGradientHead')
    runner = build_runner(tiny(tmp_path, **overrides, **NO_VALIDATION))
    runner.register_hook(GradNormHook())
    with pytest.raises(NonFiniteLossError, match='iteration 3'):
        runner.train()
    warning = (
        'OwnStep.step makes the steps of this training. Of the hooks of a step before_update is '
        'called, and after_backward is not: that of GradNormHook, CheckInvalidLossHook'
    )
    assert warning in log(tmp_path)


# ---- in a run -------------------------------------------------------------------------------


class Order(Hook):
    """Keeps the order of what is called, and the methods that objects have of their own."""

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.replaced: set[str] = set()
        self.norms: list[float] = []

    def before_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        self.calls.append('before_train_iter')

    def after_backward(self, runner: Runner, batch_idx: int, data_batch: dict) -> None:
        assert len(data_batch['img_metas'].data) > 0
        self.calls.append('after_backward')
        wrapper = runner.optim_wrapper
        for part in (wrapper, wrapper.optimizer, runner.model, runner.model.module):
            methods = {name for name, value in vars(part).items() if callable(value)}
            self.replaced |= {name for name in methods if callable(getattr(type(part), name, None))}
        assert wrapper.clip_func is torch.nn.utils.clip_grad_norm_

    def before_update(
        self, runner: Runner, batch_idx: int, data_batch: dict, grad_norm: Tensor
    ) -> None:
        self.calls.append('before_update')
        self.norms.append(grad_norm.item())

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        self.calls.append('after_train_iter')
        assert runner.message_hub.get_scalar('train/grad_norm').current() == self.norms[-1]


def test_hooks_of_a_run_are_called_and_no_method_is_replaced(tmp_path: Path) -> None:
    runner = build_runner(
        tiny(
            tmp_path,
            optim_wrapper__clip_grad=dict(max_norm=1.0),
            train_cfg__max_epochs=1,
            **NO_VALIDATION,
        )
    )
    order = Order()
    runner.register_hook(order)
    runner.register_hook(GradNormHook(interval=1))
    assert any(isinstance(hook, CheckInvalidLossHook) for hook in runner.hooks)
    with warnings.catch_warnings():
        # mmengine's schedules count the steps of the wrapper, and warn where there are none
        warnings.filterwarnings('error', message='.*[Ss]tep')
        runner.train()
    points = ['before_train_iter', 'after_backward', 'before_update', 'after_train_iter']
    assert order.calls == points * runner.iter
    assert all(norm > 0 for norm in order.norms)
    assert order.replaced <= {'step'}  # by mmengine's schedules


def test_the_hook_of_the_docs(tmp_path: Path, modules: Path) -> None:
    [code] = [block for block in blocks('docs/training.md') if block.file == 'warm_head.py']
    (modules / code.file).write_text(code.text, 'utf-8')
    hook = dict(type='warm_head.WarmHeadHook', iterations=2, large=0.0)
    clip = dict(optim_wrapper__clip_grad=dict(max_norm=1.0), train_cfg__max_epochs=1)
    runner = build_runner(tiny(tmp_path, custom_hooks=[hook], **clip, **NO_VALIDATION))
    watch = Watch()
    runner.register_hook(watch)
    runner.train()
    first, second, third = watch.weights[:3]
    moved = [
        {name.split('.')[0] for name in one if not torch.equal(one[name], other[name])}
        for one, other in ((first, second), (second, third))
    ]
    assert moved == [{'neck', 'bbox_head'}, {'backbone', 'neck', 'bbox_head'}]
    assert f'{runner.iter} steps had a gradient norm above 0.0' in log(tmp_path)


def test_several_optimisers_are_refused(tmp_path: Path) -> None:
    runner = build_runner(tiny(tmp_path))
    one = OptimWrapper(torch.optim.SGD(runner.model.parameters(), lr=0.1))
    with pytest.raises(ConfigError, match='found an OptimWrapperDict of 2: backbone, head'):
        runner.build_optim_wrapper(OptimWrapperDict(backbone=one, head=one))
    runner.close()
