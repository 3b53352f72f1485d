"""How far the epoch, the validation or the test is."""

from __future__ import annotations

import sys
from contextlib import ExitStack

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.units import counts_epochs
from mmlite.registry import HOOKS
from mmlite.support.progress import Advance, showing_progress


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows one bar for the epoch, the validation or the test that is running.

    A training by iterations has one for all of them. Where the output is a file, a validation and
    a test say now and then how far they are; a training has the lines of its log.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._advance: Advance | None = None

    def before_train_epoch(self, runner: Runner) -> None:
        if counts_epochs(runner):
            title = f'epoch {runner.epoch + 1}/{runner.max_epochs}'
            done = runner.train_loop.done_in_epoch  # by the run that is resumed
            self._start_training(title, len(runner.train_dataloader) - done)
        else:
            self._start_iterations(runner)

    def before_val_epoch(self, runner: Runner) -> None:
        self._start('validation', len(runner.val_dataloader))

    def before_test_epoch(self, runner: Runner) -> None:
        self._start('test', len(runner.test_dataloader))

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: object = None,
        mode: str = 'train',
    ) -> None:
        if self._advance is not None:
            self._advance(1)

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        self.close()
        if mode == 'val' and not counts_epochs(runner):  # it came in the middle of the training
            self._start_iterations(runner)

    def after_run(self, runner: Runner) -> None:
        self.close()

    def close(self) -> None:
        """Takes the bar away; the Runner calls this however a run ends."""
        self._stack.close()
        self._advance = None

    def _start_iterations(self, runner: Runner) -> None:
        self._start_training('training', runner.max_iters, runner.iter)

    def _start_training(self, title: str, total: int, done: int = 0) -> None:
        self.close()
        if sys.stderr is not None and sys.stderr.isatty():
            self._start(title, total, done)

    def _start(self, title: str, total: int, done: int = 0) -> None:
        self.close()
        shown = showing_progress(f'{title}, batches', total, done)
        self._advance = self._stack.enter_context(shown)
