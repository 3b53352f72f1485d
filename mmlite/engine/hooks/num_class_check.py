"""mmdet's check that head and data have the same number of classes."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.checks import check_head_against_data
from mmlite.registry import HOOKS


@HOOKS.register_module()
class NumClassCheckHook(Hook):
    """Refuses a head made for another number of classes than the data have.

    `build_runner` does so before anything is written; the hook is for Runners made by hand, and
    for mmdet's configs, which name it.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        dataset = runner.train_dataloader.dataset
        check_head_against_data(runner.model, dataset, 'train_dataloader.dataset')

    def before_val_epoch(self, runner: Runner) -> None:
        check_head_against_data(
            runner.model, runner.val_dataloader.dataset, 'val_dataloader.dataset'
        )
