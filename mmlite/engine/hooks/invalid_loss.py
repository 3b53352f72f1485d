"""Stops a run at the first loss that is not a number."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlite.errors import RunError
from mmlite.registry import HOOKS


class NonFiniteLossError(RunError):
    """A loss is NaN or infinite; the message names the losses, the iteration and the images."""


@HOOKS.register_module()
class CheckInvalidLossHook(Hook):
    """Looks at every loss before the optimiser uses it.

    On a CPU the run stops before the step. On a GPU reading a number would make the device wait
    in each iteration: there a flag on the device sets the gradients to zero, and the flag itself
    is read one iteration later.

    Args:
        interval: 1; mmdet's configs carry it. Every loss is checked.
    """

    priority = 'VERY_LOW'

    def __init__(self, interval: int = 1) -> None:
        self.interval = interval
        self._pending: tuple[Tensor, list[str], str] | None = None
        self._copied: torch.cuda.Event | None = None
        self._where = ''
        self._finite: Tensor | None = None
        self._handles: list = []

    def before_train(self, runner: Runner) -> None:
        self._handles = [
            runner.model.register_forward_hook(self._look),
            runner.optim_wrapper.optimizer.register_step_pre_hook(self._guard),
        ]

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        self._raise_pending()
        metas = data_batch['img_metas']
        files = [meta.get('filename', '?') for meta in getattr(metas, 'data', metas)]
        self._where = (
            f'epoch {runner.epoch + 1}, iteration {runner.iter + 1}, images: ' + ', '.join(files)
        )

    def after_train(self, runner: Runner) -> None:
        for handle in self._handles:
            handle.remove()
        self._raise_pending()

    def _look(self, model: nn.Module, args: tuple, losses: dict[str, Tensor]) -> None:
        if not model.training or not isinstance(losses, dict):
            return
        if not all(isinstance(v, Tensor) and v.dim() == 0 for v in losses.values()) or not losses:
            return  # the train step refuses them by name
        values = torch.stack([value.detach().float() for value in losses.values()])
        self._finite = torch.isfinite(values).all()
        if values.device.type == 'cpu':
            self._raise_if_invalid(values, list(losses), self._where)
        else:
            copied = torch.empty_like(values, device='cpu', pin_memory=True)
            copied.copy_(values, non_blocking=True)
            self._copied = torch.cuda.Event()
            self._copied.record()
            self._pending = (copied, list(losses), self._where)

    def _guard(self, optimizer: torch.optim.Optimizer, args: tuple, kwargs: dict) -> None:
        if self._finite is None or self._finite.device.type == 'cpu':
            return
        invalid = ~self._finite
        for group in optimizer.param_groups:
            for parameter in group['params']:
                if parameter.grad is not None:
                    parameter.grad.masked_fill_(invalid, 0)

    def _raise_pending(self) -> None:
        """Reads the losses of the iteration before.

        Its forward pass alone is waited for, which ended a backward pass ago; to wait for the
        whole stream would hold up every step.
        """
        if self._pending is not None:
            self._copied.synchronize()
            pending, self._pending = self._pending, None
            self._raise_if_invalid(*pending)

    @staticmethod
    def _raise_if_invalid(values: Tensor, names: list[str], where: str) -> None:
        if torch.isfinite(values).all():
            return
        listed = ', '.join(
            f'{name} = {value:g}' for name, value in zip(names, values.tolist(), strict=True)
        )
        raise NonFiniteLossError(
            f'the loss is not finite: {listed} ({where}). Its gradients were not used. '
            'Usual causes: a learning rate too high for the batch size (warm-up, gradient '
            'clipping), or boxes of no size in a data set of your own.'
        )
