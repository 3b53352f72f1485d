"""Stops a run at the first NaN or infinity, and keeps the step for replay.

That is a loss, a gradient, or a side of a box to be found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlite.engine.black_box.box import replay_command, write_black_box
from mmlite.engine.black_box.step_start import Step, amp_dtype, begin_step
from mmlite.engine.hooks.arguments import DataBatch, Norm
from mmlite.engine.hooks.runtime_info import is_read_at_once
from mmlite.errors import RunError
from mmlite.registry import HOOKS

_NAMED = 8  # parameters that a message names; the report names all
_CAUSES = (
    'Usual causes: a learning rate too high for the batch size (warm-up, gradient clipping), or '
    'boxes of no size in a data set of your own.'
)


class NonFiniteLossError(RunError):
    """A loss, gradient or box is NaN or infinite; the message names it, iteration and images.

    Its last line names the black box of the step and the command that repeats it.
    """


@dataclass
class _Figures:
    """Numbers by name, on their way from the device."""

    names: list[str]
    values: Tensor  # (n,), on the host
    arrived: torch.cuda.Event | None
    step: Step | None

    def read(self) -> dict[str, float]:
        if self.arrived is not None:
            self.arrived.synchronize()
        return dict(zip(self.names, self.values.tolist(), strict=True))


@HOOKS.register_module()
class CheckInvalidLossHook(Hook):
    """Looks at every box and every loss, and at every gradient before the optimiser uses it.

    On a CPU the run stops before the step. On a GPU reading a number would make the device wait
    in each iteration: there a flag on the device sets the gradients to zero, and the numbers
    themselves are read one iteration later. What the step started from is kept until then; where
    a number is not finite, it is written to `black_box/iter_N` in the work dir.

    With a scaler of mixed precision gradients are not looked at: it expects that they overflow
    now and then, looks itself, and skips the step.

    Args:
        interval: 1; mmdet's configs carry it. Every loss is checked.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval
        self._runner: Runner | None = None
        self._step: Step | None = None
        self._parameters: list[tuple[str, nn.Parameter]] = []
        self._checks_gradients = True
        self._has_looked = False  # at the gradients of this iteration
        self._finite: Tensor | None = None  # on the device: are the numbers of this iteration?
        self._pending_losses: _Figures | None = None
        self._pending_gradients: _Figures | None = None
        self._undo: Callable[[], None] | None = None

    # ---- where it looks -------------------------------------------------------------------

    def before_train(self, runner: Runner) -> None:
        self._runner = runner
        self._parameters = list(runner.model.module.named_parameters())
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        self._checks_gradients = scaler is None or not scaler.is_enabled()
        # right after the forward pass: a GPU is on its way then, and autocast is on
        self._undo = runner.model.register_forward_hook(self._look).remove

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None
    ) -> None:
        self._raise_pending_losses()
        self._has_looked = False
        self._step = begin_step(runner, data_batch)

    def after_backward(self, runner: Runner, batch_idx: int, data_batch: DataBatch = None) -> None:
        # before clipping, which by its norm would spread one NaN over all gradients
        self._look_at_gradients()

    def before_update(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, grad_norm: Norm = None
    ) -> None:
        self._look_at_gradients()  # an optimiser wrapper with a step of its own comes only here
        if self._finite is None or is_read_at_once(self._finite):
            return
        invalid = ~self._finite
        for _, parameter in self._parameters:
            if parameter.grad is not None:
                parameter.grad.masked_fill_(invalid, 0)

    def after_train(self, runner: Runner) -> None:
        self._raise_pending_losses()
        self._raise_pending_gradients()
        self.close()

    def close(self) -> None:
        """Lets go of the model and the last batch; the Runner calls this however a run ends."""
        if self._undo is not None:
            self._undo()
        self._undo, self._parameters = None, []
        self._runner = self._step = self._pending_losses = self._pending_gradients = None

    def _look(self, model: nn.Module, args: tuple, losses: dict[str, Tensor]) -> None:
        if not model.training or not isinstance(losses, dict):
            return
        if not all(isinstance(v, Tensor) and v.dim() == 0 for v in losses.values()) or not losses:
            return  # the train step refuses them by name
        self._raise_pending_gradients()
        values = torch.stack([value.detach().float() for value in losses.values()])
        self._finite = torch.isfinite(values).all()
        if self._step is not None:
            self._step.amp_dtype = amp_dtype(values.device)
        self._pending_losses = _on_the_way(values, list(losses), self._step)
        boxes = self._step.nonfinite_boxes if self._step is not None else []
        if is_read_at_once(values) or boxes:
            self._raise_pending_losses()
        if boxes:
            self._raise(f'boxes are not finite: {", ".join(boxes)}', '', self._step)

    def _look_at_gradients(self) -> None:
        """Once in an iteration, when its gradients are complete."""
        if self._has_looked or not self._checks_gradients or self._finite is None:
            return
        self._has_looked = True
        # those that know no norm: sparse ones, which no detector here has, and empty ones
        named = {
            name: p.grad
            for name, p in self._parameters
            if p.grad is not None and not p.grad.is_sparse and p.grad.numel()
        }
        if not named:
            return
        gradients = list(named.values())
        at_once = is_read_at_once(gradients[0])
        # The largest value is finite if all are; a norm may overflow, but takes a CPU a fiftieth
        # of the time, and is looked into below.
        norms = torch._foreach_norm(gradients, 2 if at_once else float('inf'))
        values = torch.stack([norm.float() for norm in norms])
        self._pending_gradients = _on_the_way(values, list(named), self._step)
        if not at_once:
            self._finite = self._finite & torch.isfinite(values).all()
        elif torch.isfinite(values).all():
            self._pending_gradients = None
        else:
            overflown = [name for name, g in named.items() if g.isfinite().all()]
            self._raise_pending_gradients(but=overflown)

    # ---- what it says ---------------------------------------------------------------------

    def _raise_pending_losses(self) -> None:
        """Reads the losses; on a GPU those of the iteration before.

        The process waits only for the forward pass, which ended a backward pass ago; to wait for
        the whole stream would hold up every step.
        """
        pending, self._pending_losses = self._pending_losses, None
        if pending is None:
            return
        losses = pending.read()
        if pending.step is not None:
            pending.step.losses = losses
        if not torch.isfinite(pending.values).all():
            what = f'the loss is not finite: {_listed(losses)}'
            self._raise(what, 'Its gradients were not used. ', pending.step)

    def _raise_pending_gradients(self, but: Sequence[str] = ()) -> None:
        """Reads the gradients; on a GPU those of the iteration before, after another forward pass.

        By then their backward pass is over, and the device has the forward pass to work on.

        Args:
            but: parameters whose gradients are finite although their norm is not.
        """
        pending, self._pending_gradients = self._pending_gradients, None
        if pending is None:
            return
        figures = pending.read()
        finite = torch.isfinite(pending.values).tolist()
        names = [
            name
            for name, is_finite in zip(figures, finite, strict=True)
            if not is_finite and name not in but
        ]
        if not names:
            return
        losses = ''
        if pending.step is not None:
            pending.step.grad_figures, pending.step.nonfinite_grads = figures, names
            losses = f', though the loss is: {_listed(pending.step.losses)}'
        more = f' and {len(names) - _NAMED} more' if len(names) > _NAMED else ''
        what = f'gradients are not finite: of {", ".join(names[:_NAMED])}{more}{losses}'
        self._raise(what, 'They were not used. ', pending.step)

    def _raise(self, what: str, unused: str, step: Step | None) -> None:
        where, kept = '', ''
        if step is not None:
            images = ', '.join(step.files)
            where = f'epoch {step.epoch}, iteration {step.iteration}, images: {images}'
            kept = self._keep(step, what)
        raise NonFiniteLossError(f'{what} ({where}). {unused}{_CAUSES}{kept}')

    def _keep(self, step: Step, what: str) -> str:
        """Writes the black box; returns the last line of the message."""
        try:
            folder = write_black_box(self._runner, step, what)
        except Exception as error:  # whatever it is, what is to be said is that the loss is not
            self._runner.logger.warning(
                f'CheckInvalidLossHook: the black box cannot be written: '
                f'{type(error).__name__}: {error}'
            )
            return ''
        return f'\nThe step is kept in a black box; to repeat it: {replay_command(folder)}'


def _on_the_way(values: Tensor, names: list[str], step: Step | None) -> _Figures:
    """Starts the copy to the host."""
    if not values.is_cuda:
        return _Figures(names, values.cpu(), None, step)
    copied = torch.empty_like(values, device='cpu', pin_memory=True)
    copied.copy_(values, non_blocking=True)
    arrived = torch.cuda.Event()
    arrived.record()
    return _Figures(names, copied, arrived, step)


def _listed(losses: dict[str, float]) -> str:
    return ', '.join(f'{name} = {value:g}' for name, value in losses.items())
