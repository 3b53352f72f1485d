"""Weights averaged over the iterations: often better than the last ones."""

from __future__ import annotations

import inspect
import math

import torch
from mmengine import hooks
from mmengine.logging import MMLogger
from mmengine.model import BaseAveragedModel, ExponentialMovingAverage
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.registry import HOOKS, without_scope


@HOOKS.register_module()
class EMAHook(hooks.EMAHook):
    """mmengine's EMAHook with its arguments spelt out, so that a wrong one is refused.

    Validation and testing use the averaged weights, and a checkpoint's `state_dict` holds them.

    Args:
        momentum: share of the new weights in the average; None for `ema_type`'s own (0.0002).
        gamma: of `ema_type='ExpMomentumEMA'` and 'MomentumAnnealingEMA', how fast the share of the
            new weights falls.
        interval: iterations between two updates.
        update_buffers: average batch norm's statistics too; else they are copied.
        ema_type: 'ExponentialMovingAverage', 'ExpMomentumEMA', 'MomentumAnnealingEMA' or
            'StochasticWeightAverage'.
        begin_iter, begin_epoch: when it begins; until then the average is the weights themselves.
        strict_load: a checkpoint must hold every averaged tensor.

    Raises:
        ConfigError: both begin_iter and begin_epoch are set, or there is no such `ema_type`; when
            the training begins: it ends before.
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
        ema_type = _known_average(ema_type)
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
        self._saved: dict[str, Tensor] = {}  # the average in the file that is resumed
        self._begun = False

    def before_run(self, runner: Runner) -> None:
        super().before_run(runner)
        # mmengine moves weights with several names once for each name: RTMDet's shared convolutions
        average = self.ema_model
        once = {value.data_ptr(): key for key, value in reversed(average.avg_parameters.items())}
        average.avg_parameters = {key: average.avg_parameters[key] for key in once.values()}

    def before_train(self, runner: Runner) -> None:
        begin, length = (
            (self.begin_epoch, runner.max_epochs)
            if self.enabled_by_epoch
            else (self.begin_iter, runner.max_iters)
        )
        if begin > length:
            unit = 'epoch' if self.enabled_by_epoch else 'iter'
            raise ConfigError(
                f'EMAHook.begin_{unit}: {begin} comes after the end of the training, {length}'
            )
        self._begin()

    def before_val_epoch(self, runner: Runner) -> None:
        self._begin()
        super().before_val_epoch(runner)

    def before_test_epoch(self, runner: Runner) -> None:
        self._begin()
        super().before_test_epoch(runner)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts the average into `state_dict`, and the weights in training beside it.

        A run that has to stop while it validates saves when they have changed places already.
        """
        checkpoint['ema_state_dict'] = self.ema_model.state_dict()
        if not self._in_model:
            self._swap_ema_state_dict(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Takes the average of a run that is resumed; without one it begins at the weights.

        The model does not have its weights yet: `_begin` does the rest.

        Raises:
            DataError: with `strict_load`, a tensor is missing.
        """
        if not runner._resume:
            pass
        elif 'ema_state_dict' in checkpoint:
            average = training_weights_back(checkpoint)
            own = self.ema_model.state_dict()
            self._saved = {
                key: value
                for key, value in average.items()
                if key in own and own[key].shape == value.shape
            }
        else:
            runner.logger.warning(
                'The checkpoint has no ema_state_dict: the average begins at its weights'
            )
        missing = self.ema_model.module.state_dict().keys() - checkpoint['state_dict'].keys()
        if self.strict_load and missing:
            raise DataError(
                f'EMAHook.strict_load: the checkpoint has no {", ".join(sorted(missing)[:3])}'
            )

    def _begin(self) -> None:
        """Makes the average that of the file, and the model's own weights where it has none."""
        if self._begun:
            return
        self._begun = True
        self.ema_model.module.load_state_dict(self.src_model.state_dict())
        self.ema_model.load_state_dict(self._saved, strict=False)
        self._saved = {}

    def _swap_ema_parameters(self) -> None:
        super()._swap_ema_parameters()
        self._in_model = not self._in_model


def _known_average(ema_type: str) -> str:
    """Returns the name without mmdet's scope."""
    name = without_scope(ema_type)
    known = [
        key
        for key, cls in MODELS.module_dict.items()
        if inspect.isclass(cls) and issubclass(cls, BaseAveragedModel)
    ]
    if name not in known:
        raise ConfigError(
            f"EMAHook.ema_type: there is no '{name}'.{did_you_mean(name, known)} Known: "
            f'{", ".join(sorted(known))}.'
        )
    return name


@MODELS.register_module()
class ExpMomentumEMA(ExponentialMovingAverage):
    """An average of weights, in the beginning mostly of the newest ones; YOLOX's and RTMDet's.

    The share of the new weights after `steps` updates is
    (1 - momentum) * exp(-(1 + steps) / gamma) + momentum: 1 at first, and in the end `momentum`.

    Args:
        model: whose weights are averaged.
        momentum: the share in the end.
        gamma: the updates after which what is above `momentum` has fallen to 1 / e.
        interval: updates of the model between two of the average.
        device: of the average; None: that of the model.
        update_buffers: average buffers too; else they are copied.
    """

    def __init__(
        self,
        model: nn.Module,
        momentum: float = 0.0002,
        gamma: int = 2000,
        interval: int = 1,
        device: torch.device | None = None,
        update_buffers: bool = False,
    ) -> None:
        super().__init__(model, momentum, interval, device, update_buffers)
        if gamma <= 0:
            raise ValueError(f'gamma: a number above 0 is expected, found {gamma!r}')
        self.gamma = gamma

    def avg_func(self, averaged_param: Tensor, source_param: Tensor, steps: int) -> None:
        """Moves `averaged_param` towards `source_param` in place."""
        share = (1 - self.momentum) * math.exp(-(1 + int(steps)) / self.gamma) + self.momentum
        averaged_param.lerp_(source_param, share)


def training_weights_back(checkpoint: dict) -> dict[str, Tensor]:
    """Exchanges average and weights in training, as they are in the run; returns the average.

    In a file `state_dict` is the average, and `ema_state_dict` the weights in training.

    Args:
        checkpoint: its `state_dict` changes.

    Returns:
        the state of an averaged model: its count `steps`, and `module.NAME` for each weight.
    """
    saved, weights = checkpoint['ema_state_dict'], checkpoint['state_dict']
    average = dict(saved)
    for key, value in saved.items():
        name = key.removeprefix('module.')
        if name != key and name in weights:
            average[key], weights[name] = weights[name], value
    return average


def put_training_weights_back(checkpoint: dict, logger: MMLogger) -> None:
    """Has a run without an EMAHook go on from the weights in training of one that had it."""
    if 'ema_state_dict' in checkpoint:
        training_weights_back(checkpoint)
        logger.warning(
            'The checkpoint has averaged weights, and the config no EMAHook: the training goes on '
            'from the weights beside them, and the average is lost'
        )
