"""Log lines beyond mmengine's, and the step at which metrics are written."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine import hooks
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.engine.units import counts_epochs
from mmlite.errors import ConfigError
from mmlite.registry import HOOKS
from mmlite.support.quiet import quiet_console


@HOOKS.register_module()
class LoggerHook(hooks.LoggerHook):
    """mmengine's LoggerHook that also logs the first iteration of a run.

    A wrong loss is seen at once, not after the first `interval` iterations.

    Args:
        log_metric_by_epoch: write the metrics of a validation at the number of the epoch, else at
            that of the iteration; None for what the training counts.
        interval, ignore_last, interval_exp_name, out_dir, out_suffix, keep_local,
            file_client_args, backend_args: as mmengine's.

    Raises:
        ConfigError: when the training begins: it counts iterations, and `log_metric_by_epoch=True`
            would write several validations at one epoch.
    """

    _is_first = False

    def __init__(
        self,
        interval: int = 10,
        ignore_last: bool = True,
        interval_exp_name: int = 1000,
        out_dir: str | None = None,
        out_suffix: str | Sequence[str] = ('.json', '.log', '.py', 'yaml'),
        keep_local: bool = True,
        file_client_args: dict | None = None,
        log_metric_by_epoch: bool | None = None,
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(
            interval,
            ignore_last,
            interval_exp_name,
            out_dir,
            out_suffix,
            keep_local,
            file_client_args,
            log_metric_by_epoch,
            backend_args,
        )

    def before_train(self, runner: Runner) -> None:
        self._first_iter = runner.iter
        self._counts_epochs = counts_epochs(runner)
        if self.log_metric_by_epoch and not self._counts_epochs:
            raise ConfigError(
                'LoggerHook.log_metric_by_epoch: True is for a training that counts epochs, and '
                'this one counts iterations: leave it out, or set it to False'
            )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        self._is_first = runner.iter == self._first_iter
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        self._is_first = False

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        if self.log_metric_by_epoch is None:
            self.log_metric_by_epoch = counts_epochs(runner)
        super().after_val_epoch(runner, metrics)

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        """Writes the line of figures to the file; the screen gets them once, from what tests."""
        with quiet_console(runner.logger):
            super().after_test_epoch(runner, metrics)

    def every_n_inner_iters(self, batch_idx: int, n: int) -> bool:
        """Whether to log; mmengine asks this once in an iteration."""
        return self._is_first or super().every_n_inner_iters(batch_idx, n)

    def end_of_epoch(self, dataloader: DataLoader, batch_idx: int) -> bool:
        """Whether an epoch ends; a training that counts iterations has no such lines."""
        return self._counts_epochs and super().end_of_epoch(dataloader, batch_idx)
