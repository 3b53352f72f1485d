"""ExpMomentumEMA: an average of the weights that begins quickly."""

from __future__ import annotations

import math

import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.registry import MODELS
from torch import Tensor, nn


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
