"""QuadraticWarmupLR and QuadraticWarmupMomentum: a warm-up that begins slowly (YOLOX)."""

from __future__ import annotations

from typing import Any

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.momentum_scheduler import MomentumSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS
from torch.optim import Optimizer


@PARAM_SCHEDULERS.register_module()
class QuadraticWarmupParamScheduler(_ParamScheduler):
    """After t steps the value is base * ((t + 1) / (end - begin)) ** 2; after `end` it stays.

    Each step adds base * (2 t + 1) / (end - begin) ** 2, so that other schedules can multiply the
    same value.

    Args:
        optimizer: whose groups have the parameter.
        param_name: its name, such as 'lr'.
        begin, end: in epochs, or in iterations.
        last_step: the step to continue after; -1 begins.
        by_epoch: whether it counts epochs.
        verbose: print each value.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        param_name: str,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        if not begin < end < INF:
            raise ValueError(f'end: a number above begin ({begin}) is expected, found {end}')
        self.total_iters = end - begin
        super().__init__(optimizer, param_name, begin, end, last_step, by_epoch, verbose)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **others: Any,
    ) -> QuadraticWarmupParamScheduler:
        """Makes one that counts iterations; mmengine calls it for `convert_to_iter_based`."""
        if not by_epoch or not epoch_length:
            raise ValueError('convert_to_iter_based needs by_epoch=True and the length of an epoch')
        end = end * epoch_length if end != INF else INF
        return cls(*args, begin=begin * epoch_length, end=end, by_epoch=False, **others)

    def _get_value(self) -> list[float]:
        share = (2 * self.last_step + 1) / self.total_iters**2
        if self.last_step == 0:
            return [base * share for base in self.base_values]
        groups = self.optimizer.param_groups
        return [
            group[self.param_name] + base * share
            for base, group in zip(self.base_values, groups, strict=True)
        ]


@PARAM_SCHEDULERS.register_module()
class QuadraticWarmupLR(LRSchedulerMixin, QuadraticWarmupParamScheduler):
    """QuadraticWarmupParamScheduler of the learning rate."""

    def __init__(
        self,
        optimizer: Optimizer,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            optimizer,
            begin=begin,
            end=end,
            last_step=last_step,
            by_epoch=by_epoch,
            verbose=verbose,
        )


@PARAM_SCHEDULERS.register_module()
class QuadraticWarmupMomentum(MomentumSchedulerMixin, QuadraticWarmupParamScheduler):
    """QuadraticWarmupParamScheduler of the momentum."""

    def __init__(
        self,
        optimizer: Optimizer,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            optimizer,
            begin=begin,
            end=end,
            last_step=last_step,
            by_epoch=by_epoch,
            verbose=verbose,
        )
