"""Losses on their way into the log, without a GPU being asked for them in each iteration."""

from __future__ import annotations

import math

import torch
from mmengine import hooks
from mmengine.runner import Runner
from torch import Tensor

from mmlite.engine.hooks.arguments import DataBatch, Norm, Outputs
from mmlite.engine.resuming.run_state import plain_message_hub
from mmlite.registry import HOOKS


@HOOKS.register_module()
class RuntimeInfoHook(hooks.RuntimeInfoHook):
    """mmengine's RuntimeInfoHook that reads numbers from a GPU when they are logged or saved.

    mmengine's reads every loss, and the norm of clipped gradients, in every iteration: each time
    the host waits until the GPU has nothing left to do. Here they stay on the GPU until then; what
    the log says is the same.
    """

    def __init__(self) -> None:
        self._unread: list[dict[str, Tensor]] = []
        self._clipped: dict[str, Tensor] = {}
        self._every = 1
        self._first = 0

    def before_train(self, runner: Runner) -> None:
        super().before_train(runner)
        self._first = runner.iter  # it is logged too
        loggers = [hook for hook in runner.hooks if isinstance(hook, hooks.LoggerHook)]
        self._every = math.gcd(*(logger.interval for logger in loggers)) or 1

    def before_update(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, grad_norm: Norm = None
    ) -> None:
        if grad_norm is None:
            return
        if is_read_at_once(grad_norm):
            runner.message_hub.update_scalar('train/grad_norm', grad_norm.item())
        else:
            self._clipped = dict(grad_norm=grad_norm)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        self._unread.append({**(outputs or {}), **self._clipped})
        self._clipped = {}
        is_logged = (
            runner.iter == self._first
            or self.every_n_inner_iters(batch_idx, self._every)
            or self.end_of_epoch(runner.train_dataloader, batch_idx)
        )
        if is_logged or self._is_at_hand():
            self._read(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if self._unread:
            self._read(runner)
            checkpoint['message_hub'] = plain_message_hub(runner.message_hub.state_dict())

    def close(self) -> None:
        """Lets go of numbers on a device; the Runner calls this however a run ends."""
        self._unread, self._clipped = [], {}

    def _is_at_hand(self) -> bool:
        return all(
            not isinstance(value, Tensor) or is_read_at_once(value)
            for value in self._unread[-1].values()
        )

    def _read(self, runner: Runner) -> None:
        """Hands on what has come together; the GPU is waited for once."""
        unread, self._unread = self._unread, []
        tensors = [v for values in unread for v in values.values() if isinstance(v, Tensor)]
        numbers = iter(torch.stack([t.double() for t in tensors]).tolist() if tensors else [])
        for values in unread:
            for key, value in values.items():
                number = next(numbers) if isinstance(value, Tensor) else value
                runner.message_hub.update_scalar(f'train/{key}', number)


def is_read_at_once(values: Tensor) -> bool:
    """Whether reading a value makes no device wait."""
    return values.device.type == 'cpu'
