"""Log lines beyond mmengine's."""

from __future__ import annotations

from collections import Counter

from mmengine import hooks
from mmengine.runner import Runner

from mmlite.registry import HOOKS


@HOOKS.register_module()
class LoggerHook(hooks.LoggerHook):
    """mmengine's LoggerHook that also logs the first iteration of a run.

    A wrong loss is seen at once, not after the first `interval` iterations.
    """

    def before_train(self, runner: Runner) -> None:
        self._first_iter = runner.iter

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        due = self.every_n_inner_iters(batch_idx, self.interval)
        if runner.iter == self._first_iter and not due:
            tag, line = runner.log_processor.get_log_after_iter(runner, batch_idx, 'train')
            runner.logger.info(line)
            runner.visualizer.add_scalars(tag, step=runner.iter + 1, file_path=self.json_log_path)


@HOOKS.register_module()
class SkippedImagesHook(hooks.Hook):
    """Counts the images that could not be read and that the data set replaced by others."""

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        for meta in data_batch['img_metas'].data:
            self.skipped.update(meta.get('skipped_files', ()))

    def after_train_epoch(self, runner: Runner) -> None:
        if self.skipped:
            names = ', '.join(sorted(self.skipped)[:5])
            more = ', ...' if len(self.skipped) > 5 else ''
            runner.logger.warning(
                f'{len(self.skipped)} images cannot be read and were replaced by others '
                f'({sum(self.skipped.values())} times so far): {names}{more}'
            )
