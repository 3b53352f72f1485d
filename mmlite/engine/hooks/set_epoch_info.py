"""The number of the epoch for models that change with it, such as TOOD."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.registry import HOOKS


@HOOKS.register_module()
class SetEpochInfoHook(Hook):
    """Calls `set_epoch(epoch)`, from 0, of each part of the detector that has it."""

    def before_train_epoch(self, runner: Runner) -> None:
        for module in runner.model.module.modules():
            if callable(getattr(module, 'set_epoch', None)):
                module.set_epoch(runner.epoch)
