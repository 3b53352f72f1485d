"""How a line of the log begins: by what the training counts."""

from __future__ import annotations

from collections.abc import Sequence

import mmengine.runner
from mmengine.runner import Runner

from mmlite.engine.units import counts_epochs, iterations_per_epoch
from mmlite.registry import LOG_PROCESSORS


@LOG_PROCESSORS.register_module()
class LogProcessor(mmengine.runner.LogProcessor):
    """mmengine's LogProcessor that counts as the training does.

    Args:
        window_size: iterations over which numbers are averaged.
        by_epoch: begin a line with `Epoch(train) [2][5/9]`, else with `Iter(train) [14/90]`; None
            for the first in a training that counts epochs, and the second in one that counts
            iterations. Where this says epochs and the training counts iterations, an epoch is one
            pass through the data.
        custom_cfg, num_digits, log_with_hierarchy, mean_pattern: as mmengine's.
    """

    def __init__(
        self,
        window_size: int = 10,
        by_epoch: bool | None = None,
        custom_cfg: Sequence[dict] | None = None,
        num_digits: int = 4,
        log_with_hierarchy: bool = False,
        mean_pattern: str = r'.*(loss|time|data_time|grad_norm).*',
    ) -> None:
        self._follows_training = by_epoch is None
        super().__init__(
            window_size,
            by_epoch is not False,
            list(custom_cfg or []),
            num_digits,
            log_with_hierarchy,
            mean_pattern,
        )

    def get_log_after_iter(self, runner: Runner, batch_idx: int, mode: str) -> tuple[dict, str]:
        """Returns the numbers and the line of an iteration; see mmengine's."""
        self._follow(runner)
        if mode == 'train':  # a training by iterations hands in their number
            batch_idx = getattr(runner.train_loop, 'done_in_epoch', batch_idx)
        numbers, line = super().get_log_after_iter(runner, batch_idx, mode)
        numbers.pop('epoch', None)
        if counts_epochs(runner):  # a reader sees at which epoch metrics were written
            numbers['epoch'] = runner.epoch + (mode == 'train')
        return numbers, line

    def get_log_after_epoch(
        self, runner: Runner, batch_idx: int, mode: str, with_non_scalar: bool = False
    ) -> tuple[dict, str]:
        """Returns the numbers and the line of a validation or a test; see mmengine's."""
        self._follow(runner)
        return super().get_log_after_epoch(runner, batch_idx, mode, with_non_scalar)

    def _follow(self, runner: Runner) -> None:
        if self._follows_training:
            self.by_epoch = counts_epochs(runner)

    def _get_dataloader_size(self, runner: Runner, mode: str) -> int:
        if mode == 'train':
            return iterations_per_epoch(runner.train_dataloader)
        return super()._get_dataloader_size(runner, mode)
