"""One step of a training, from a batch to new weights, with two points for hooks.

A hook that has a method of these names is called, first to last by `priority`:

- `after_backward(runner, batch_idx, data_batch)`: after each backward pass. Where
  `runner.optim_wrapper.should_update()` the gradients are complete: of all accumulated iterations
  and of all processes, without the scale of mixed precision, not clipped yet. Where gradients are
  accumulated and the step comes later they are those of this process up to now, still scaled.
- `before_update(runner, batch_idx, data_batch, grad_norm)`: the optimiser uses the gradients next.
  `grad_norm` is their norm before clipping, a scalar tensor on its device; None where `clip_grad`
  of the config does not clip by the norm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlite.parallel.model_wrapper import ModelWrapper, parse_losses

CallHook = Callable[..., None]  # takes the name of a point, and by keyword what it is called with

# the methods that `train_step` replaces; a class that overrides one steps in its own way
_KNOWN = {
    'update_params': (OptimWrapper.update_params,),
    'step': (OptimWrapper.step, AmpOptimWrapper.step),
    '_clip_grad': (OptimWrapper._clip_grad,),
}


def no_hooks(point: str, **_: Any) -> None:
    """Calls no hook."""


def train_step(
    model: nn.Module, data: dict, optim_wrapper: OptimWrapper, call_hook: CallHook = no_hooks
) -> dict[str, Tensor]:
    """Makes one step, or a part of it where gradients are accumulated.

    Args:
        model: MMDataParallel or MMDistributedDataParallel; see `own_way` for others.
        data: what `collate` returns.
        optim_wrapper: of the model's parameters.
        call_hook: calls all hooks at a point: `call_hook('after_backward')`.

    Returns:
        The values to log: each loss and their total as 'loss', scalars without gradient.

    Raises:
        TypeError: the detector returned something else than a dict of scalar tensors.
    """
    if own_way(model, optim_wrapper):
        return _step_its_own_way(model, data, optim_wrapper, call_hook)
    # half precision, where the config says so; processes exchange no gradients that only accumulate
    with optim_wrapper.optim_context(model):
        losses = model(**data, return_loss=True)
    total, log_vars = parse_losses(losses)
    optim_wrapper.backward(optim_wrapper.scale_loss(total))
    is_complete = optim_wrapper.should_update()
    if is_complete:
        _unscale(optim_wrapper)
    call_hook('after_backward')
    if is_complete:
        grad_norm = _clip(optim_wrapper)
        call_hook('before_update', grad_norm=grad_norm)
        _update(optim_wrapper)
        optim_wrapper.zero_grad()
    return log_vars


def begin_epoch(model: nn.Module, epoch: int) -> None:
    """Says to the parts of a model that change with it, such as TOOD's head, which epoch it is.

    Args:
        model: a part that has it is called: `part.set_epoch(epoch)`.
        epoch: of the training, from 0.
    """
    for module in model.modules():
        if callable(getattr(module, 'set_epoch', None)):
            module.set_epoch(epoch)


def begin_iteration(model: nn.Module, iteration: int, seed: int) -> None:
    """Says to the parts of a model that change with it, such as BatchSyncRandomResize, which it is.

    Args:
        model: a part that has it is called: `part.begin_iteration(iteration, seed)`.
        iteration: of the training, from 0.
        seed: of the run.
    """
    for part in model.modules():
        if hasattr(part, 'begin_iteration'):
            part.begin_iteration(iteration, seed)


def _unscale(optim_wrapper: OptimWrapper) -> None:
    """Takes the scale of mixed precision out of the gradients; notes whether they overflowed."""
    if isinstance(optim_wrapper, AmpOptimWrapper):
        optim_wrapper.loss_scaler.unscale_(optim_wrapper.optimizer)


def _clip(optim_wrapper: OptimWrapper) -> Tensor | None:
    """Clips as mmengine does, which would read the norm at once: a GPU would be waited for."""
    groups = optim_wrapper.optimizer.param_groups
    parameters = [p for group in groups for p in group['params']]
    parameters = [p for p in parameters if p.requires_grad and p.grad is not None]
    if not optim_wrapper.clip_grad_kwargs or not parameters:
        return None
    return optim_wrapper.clip_func(parameters, **optim_wrapper.clip_grad_kwargs)


def _update(optim_wrapper: OptimWrapper) -> None:
    """Lets the wrapper step: its scaler may skip the update, and mmengine's schedules count it."""
    clip_grad, optim_wrapper.clip_grad_kwargs = optim_wrapper.clip_grad_kwargs, None
    try:
        optim_wrapper.step()  # it does not clip a second time
    finally:
        optim_wrapper.clip_grad_kwargs = clip_grad


# ---- parts of others ------------------------------------------------------------------------


def own_way(model: nn.Module, optim_wrapper: OptimWrapper) -> str | None:
    """Returns the method by which a part makes steps its own way, such as 'MyWrapper.step'.

    That is a `train_step` of the model's wrapper, or an `update_params`, `step` or `_clip_grad` of
    the optimiser's, which a plugin has overridden.
    """
    if type(model).train_step is not ModelWrapper.train_step:
        return f'{type(model).__name__}.train_step'
    cls = type(optim_wrapper)
    changed = (name for name, known in _KNOWN.items() if getattr(cls, name, None) not in known)
    return next((f'{cls.__name__}.{name}' for name in changed), None)


def warn_of_own_way(runner: Runner) -> None:
    """Says in the log which hooks a way of its own leaves out."""
    way = own_way(runner.model, runner.optim_wrapper)
    left_out = [type(hook).__name__ for hook in runner.hooks if hasattr(hook, 'after_backward')]
    if way and left_out:
        runner.logger.warning(
            f'{way} makes the steps of this training. Of the hooks of a step before_update is '
            f'called, and after_backward is not: that of {", ".join(left_out)}'
        )


def _step_its_own_way(
    model: nn.Module, data: dict, optim_wrapper: OptimWrapper, call_hook: CallHook
) -> dict[str, Tensor]:
    """Has the model's wrapper make the step; torch says when its optimiser updates."""

    def before_update(*_: Any) -> None:
        call_hook('before_update', grad_norm=None)

    handle = optim_wrapper.optimizer.register_step_pre_hook(before_update)
    try:
        return model.train_step(data, optim_wrapper=optim_wrapper)
    finally:
        handle.remove()
