"""Recipes whose last epochs have another pipeline: RTMDet's and YOLOX's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.datasets.transforms import Compose
from mmlite.errors import ConfigError
from mmlite.registry import HOOKS


@HOOKS.register_module()
class PipelineSwitchHook(Hook):
    """Trains with another pipeline from an epoch on (RTMDet, Lyu et al. 2022, section 3.3).

    The data set gets it before the first epoch and takes it by the number of the epoch, so that
    workers go on living, and a run that is resumed has the right one. Where data sets are joined or
    repeated all those inside get it; a MultiImageMixDataset changes what it does after loading.

    Args:
        switch_epoch: the epochs with the first pipeline: 280 switches before the 281st.
        switch_pipeline: the transforms from then on, or their dicts.

    Raises:
        ConfigError: a transform cannot be built; when the training begins: the data set is of a
            class without pipelines.
    """

    def __init__(self, switch_epoch: int, switch_pipeline: Sequence) -> None:
        Compose(switch_pipeline)  # what is wrong in it is said at once
        self.switch_epoch = switch_epoch
        self.switch_pipeline = switch_pipeline

    def before_train(self, runner: Runner) -> None:
        _with_pipelines(runner, 'PipelineSwitchHook').switch_pipeline(
            self.switch_epoch, self.switch_pipeline
        )
        if self.switch_epoch >= runner.max_epochs:
            runner.logger.warning(
                f'PipelineSwitchHook.switch_epoch: {self.switch_epoch} is not before the end of '
                f'the training, {runner.max_epochs}: the pipeline will not change'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        if runner.epoch == self.switch_epoch:
            runner.logger.info('PipelineSwitchHook: the second pipeline begins')


@HOOKS.register_module()
class YOLOXModeSwitchHook(Hook):
    """Trains the last epochs without Mosaic and MixUp, and with the head's L1 loss.

    YOLOX, Ge et al. 2021, section 2.1. As in mmdet, and in YOLOX's own code, it begins one epoch
    earlier than the number says: of 300 epochs the last 16 are so with 15.

    Args:
        num_last_epochs: see above.
        skip_type_keys: types of the transforms that are left out.

    Raises:
        ConfigError: when the training begins: the data set is of a class without pipelines.
    """

    def __init__(
        self,
        num_last_epochs: int = 15,
        skip_type_keys: Sequence[str] = ('Mosaic', 'RandomAffine', 'MixUp'),
    ) -> None:
        self.num_last_epochs = num_last_epochs
        self.skip_type_keys = tuple(skip_type_keys)

    def switch_epoch(self, runner: Runner) -> int:
        """Returns the first epoch without them, counted from 0."""
        return max(0, runner.max_epochs - self.num_last_epochs - 1)

    def before_train(self, runner: Runner) -> None:
        dataset = _with_pipelines(runner, 'YOLOXModeSwitchHook')
        left_out = dataset.leave_out(self.switch_epoch(runner), self.skip_type_keys)
        if not left_out:
            runner.logger.warning(
                'YOLOXModeSwitchHook.skip_type_keys: the pipeline has none of '
                f'{", ".join(self.skip_type_keys)}'
            )

    def before_train_epoch(self, runner: Runner) -> None:
        switch_epoch = self.switch_epoch(runner)
        head = getattr(runner.model.module, 'bbox_head', None)
        has_l1 = hasattr(head, 'use_l1')
        if has_l1:
            head.use_l1 = runner.epoch >= switch_epoch
        if runner.epoch == switch_epoch:
            loss = 'the L1 loss begins' if has_l1 else 'the head has no L1 loss'
            runner.logger.info(f'YOLOXModeSwitchHook: {", ".join(self.skip_type_keys)} end; {loss}')


def _with_pipelines(runner: Runner, hook: str) -> Any:
    dataset = runner.train_dataloader.dataset
    if not hasattr(dataset, 'switch_pipeline'):
        raise ConfigError(
            f'{hook}: a DetDataset or a wrapper of one is expected as train_dataloader.dataset, '
            f'found {type(dataset).__name__}'
        )
    return dataset
