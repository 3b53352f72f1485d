"""The number of the epoch for models that change with it, such as TOOD."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.step import begin_epoch
from mmlite.registry import HOOKS


@HOOKS.register_module()
class SetEpochInfoHook(Hook):
    """Calls `set_epoch(epoch)`, from 0, of each part of the detector that has it.

    The training loops do so by themselves; the hook is for a loop of a plugin that does not.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        begin_epoch(runner.model, runner.epoch)
