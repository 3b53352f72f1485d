"""Log lines beyond mmengine's."""

from __future__ import annotations

from collections import Counter

from mmengine import hooks
from mmengine.dist import all_gather_object
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
        metas = data_batch['img_metas']
        for meta in getattr(metas, 'data', metas):
            self.skipped.update(meta.get('skipped_files', ()))

    def after_train_epoch(self, runner: Runner) -> None:
        skipped = sum(all_gather_object(self.skipped), Counter())  # of all processes
        if skipped:
            names = ', '.join(sorted(skipped)[:5])
            more = ', ...' if len(skipped) > 5 else ''
            runner.logger.warning(
                f'{len(skipped)} images cannot be read and were replaced by others '
                f'({sum(skipped.values())} times so far): {names}{more}'
            )
