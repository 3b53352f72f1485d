"""Ends a training that has stopped to get better."""

from __future__ import annotations

from mmengine import hooks
from mmengine.runner import Runner

from mmlite.engine.metric_names import check_metric_name
from mmlite.errors import ConfigError, did_you_mean
from mmlite.registry import HOOKS


@HOOKS.register_module()
class EarlyStoppingHook(hooks.EarlyStoppingHook):
    """mmengine's EarlyStoppingHook; a resumed run continues its count.

    The best value and the number of validations since are in each checkpoint, as
    `early_stopping`. A run that was stopped does not go on when it is resumed, unless `patience`
    or `stopping_threshold` now allow it.

    Args:
        monitor: name of a metric, such as 'pascal_voc/mAP', or 'val_loss' with ValLossHook.
        rule: 'greater' or 'less' is better; None goes by the name.
        min_delta: by how much a value must be better than the best one to count. 0.01 is what
            mmengine documents; its code has 0.1, ten points of mAP.
        check_finite: stop when the metric is NaN or infinite.
        patience: validations without progress after which the training stops.
        stopping_threshold: stop as soon as the metric is better than that.

    Raises:
        ConfigError: the rule is unknown or cannot be seen in the name; before the training, or
            at the first validation where metrics of a plugin are measured: there is no such metric.
    """

    priority = 'LOW'  # CheckpointHook is VERY_LOW and saves what this validation has changed

    def __init__(
        self,
        monitor: str,
        rule: str | None = None,
        min_delta: float = 0.01,
        check_finite: bool = True,
        patience: int = 5,
        stopping_threshold: float | None = None,
    ) -> None:
        try:
            super().__init__(
                monitor,
                rule,
                min_delta,
                check_finite=check_finite,
                patience=patience,
                stopping_threshold=stopping_threshold,
            )
        except ValueError as error:
            raise ConfigError(f'EarlyStoppingHook.rule: {error}') from error

    def before_run(self, runner: Runner) -> None:
        """Refuses a metric that no validation will give; mmengine's refuses to test."""
        check_metric_name(runner, self.monitor, 'EarlyStoppingHook.monitor')

    def before_train(self, runner: Runner) -> None:
        threshold = self.stopping_threshold
        is_better = self.rule_map[self.rule]
        if self.wait_count >= self.patience or (
            threshold is not None and is_better(self.best_score, threshold)
        ):
            self._stop(runner, 'the run that is resumed was stopped')

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        if self.monitor not in metrics:
            raise ConfigError(
                f"EarlyStoppingHook.monitor: there is no metric '{self.monitor}'."
                f'{did_you_mean(self.monitor, metrics)} There are: {", ".join(metrics)}'
            )
        stops, reason = self._check_stop_condition(float(metrics[self.monitor]))
        if stops:
            self._stop(runner, reason)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint['early_stopping'] = dict(best_score=self.best_score, wait_count=self.wait_count)
        checkpoint.get('meta', {})['monitored'] = [self.monitor, self.rule]

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        state = checkpoint.get('early_stopping')
        if not runner._resume or state is None:  # another run begins
            return
        own = [self.monitor, self.rule]
        before = checkpoint.get('meta', {}).get('monitored', own)
        if before != own:
            runner.logger.warning(
                f'EarlyStoppingHook counts from 0: it monitors {self.monitor} ({self.rule}), and '
                f'monitored {before[0]} ({before[1]}) in the run that is resumed'
            )
            return
        self.best_score = state['best_score']
        self.wait_count = state['wait_count']

    def _stop(self, runner: Runner, reason: str) -> None:
        runner.train_loop.stop_training = True
        runner.logger.info(
            f'Training stops after {runner.epoch} epochs, {runner.iter} iterations: {reason} '
            f'({self.monitor}: best {self.best_score:g}, {self.wait_count} validations since, '
            f'patience {self.patience})'
        )
