"""Log lines beyond mmengine's."""

from __future__ import annotations

from mmengine import hooks
from mmengine.runner import Runner

from mmlite.registry import HOOKS


@HOOKS.register_module()
class LoggerHook(hooks.LoggerHook):
    """mmengine's LoggerHook that also logs the first iteration of a run.

    A wrong loss is seen at once, not after the first `interval` iterations.
    """

    _is_first = False

    def before_train(self, runner: Runner) -> None:
        self._first_iter = runner.iter

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        self._is_first = runner.iter == self._first_iter
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        self._is_first = False

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Whether to log; mmengine asks this once in an iteration."""
        return self._is_first or super().every_n_inner_iters(batch_idx, n)
