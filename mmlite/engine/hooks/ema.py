"""Weights averaged over the iterations: often better than the last ones."""

from __future__ import annotations

from mmengine import hooks
from mmengine.runner import Runner

from mmlite.errors import ConfigError
from mmlite.registry import HOOKS


@HOOKS.register_module()
class EMAHook(hooks.EMAHook):
    """mmengine's EMAHook with its arguments spelt out, so that a wrong one is refused.

    Validation and testing use the averaged weights, and a checkpoint's `state_dict` holds them.

    Args:
        momentum: share of the new weights in the average; None for `ema_type`'s own (0.0002).
        gamma: of `ema_type='MomentumAnnealingEMA'` only, how fast its momentum falls.
        interval: iterations between two updates.
        update_buffers: average batch norm's statistics too; else they are copied.
        ema_type: 'ExponentialMovingAverage', 'MomentumAnnealingEMA' or 'StochasticWeightAverage'.
        begin_iter, begin_epoch: when it begins; until then the average is the weights themselves.
        strict_load: a checkpoint must hold every averaged tensor.

    Raises:
        ConfigError: both begin_iter and begin_epoch are set.
    """

    def __init__(
        self,
        momentum: float | None = None,
        gamma: int | None = None,
        interval: int = 1,
        update_buffers: bool = False,
        ema_type: str = 'ExponentialMovingAverage',
        begin_iter: int = 0,
        begin_epoch: int = 0,
        strict_load: bool = False,
    ) -> None:
        if begin_iter and begin_epoch:
            raise ConfigError('EMAHook: set begin_iter or begin_epoch, not both')
        own = {key: v for key, v in dict(momentum=momentum, gamma=gamma).items() if v is not None}
        super().__init__(
            ema_type,
            strict_load,
            begin_iter,
            begin_epoch,
            interval=interval,
            update_buffers=update_buffers,
            **own,
        )
        self._in_model = False  # whether the model holds the average just now

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts the average into `state_dict`, and the weights in training beside it.

        A run that is told to stop while it validates saves when they have changed places already.
        """
        checkpoint['ema_state_dict'] = self.ema_model.state_dict()
        if not self._in_model:
            self._swap_ema_state_dict(checkpoint)

    def _swap_ema_parameters(self) -> None:
        super()._swap_ema_parameters()
        self._in_model = not self._in_model
