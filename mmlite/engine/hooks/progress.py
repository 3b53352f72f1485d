"""A progress bar on a terminal; where the output is a file, the log lines say it all."""

from __future__ import annotations

import atexit
import logging
import sys

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mmlite.engine.units import counts_epochs
from mmlite.registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Shows one bar for the epoch, the validation or the test that is running.

    A training by iterations has one for all of them.
    """

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty() and is_main_process()
        self._progress: Progress | None = None
        self._task = None
        atexit.register(self._stop)  # a run that fails would leave the cursor hidden

    def before_train_epoch(self, runner: Runner) -> None:
        if counts_epochs(runner):
            title = f'epoch {runner.epoch + 1}/{runner.max_epochs}'
            done = runner.train_loop.done_in_epoch  # by the run that is resumed
            self._start(title, len(runner.train_dataloader) - done)
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
        if self._progress is not None:
            self._progress.advance(self._task)

    def _after_epoch(self, runner: Runner, mode: str = 'train') -> None:
        self._stop()
        if mode == 'val' and not counts_epochs(runner):  # it came in the middle of the training
            self._start_iterations(runner)

    def after_run(self, runner: Runner) -> None:
        self._stop()

    def _start_iterations(self, runner: Runner) -> None:
        self._start('training', runner.max_iters, runner.iter)

    def _start(self, title: str, total: int, done: int = 0) -> None:
        if not self._shown:
            return
        self._stop()
        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            transient=True,
        )
        self._task = self._progress.add_task(title, total=total, completed=done)
        self._progress.start()
        self._lead_log_past_the_bar()

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
            self._lead_log_past_the_bar()

    @staticmethod
    def _lead_log_past_the_bar() -> None:
        """While a bar is shown, rich replaces sys.stdout and prints above the bar."""
        for handler in MMLogger.get_current_instance().handlers:
            if isinstance(handler, logging.StreamHandler) and not isinstance(
                handler, logging.FileHandler
            ):
                handler.setStream(sys.stdout)
