"""Samplers: which of the priors that have a target take part in the loss.

`sampler(labels (..., R))` takes -1 for ignored, 0 for background and 1..C for a box, and returns
(..., R) bool. Nothing here asks a device how many there are, so it never waits for one. What is
drawn comes from torch's generator of the device, whose state a checkpoint keeps.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from mmlite.errors import ConfigError


class PseudoSampler:
    """Takes all priors that are not ignored."""

    needs_losses: ClassVar[bool] = False
    num: ClassVar[None] = None  # no limit
    add_gt_as_proposals: ClassVar[bool] = False

    def __call__(self, labels: Tensor) -> Tensor:
        return labels >= 0


class RandomSampler:
    """Draws a number of priors, a share of them with a box where there are enough.

    Fast R-CNN (Girshick 2015, section 2.3); of an RPN Ren et al. 2015, section 3.1.3.

    Args:
        num: how many of an image.
        pos_fraction: the largest share of `num` with a box; background takes what they leave free.
        neg_pos_ub: the largest number of background priors for each with a box; -1: no limit.
        add_gt_as_proposals: the ground truth is among the boxes that a second stage draws from.

    Raises:
        ConfigError: `num` is below 1, or `pos_fraction` not in [0, 1].
    """

    needs_losses: ClassVar[bool] = False

    def __init__(
        self,
        num: int,
        pos_fraction: float,
        neg_pos_ub: float = -1,
        add_gt_as_proposals: bool = True,
    ) -> None:
        if num < 1 or not 0 <= pos_fraction <= 1:
            raise ConfigError(
                f'{type(self).__name__}: num from 1 up and pos_fraction in [0, 1] are expected, '
                f'found {num} and {pos_fraction}'
            )
        self.num = num
        self.pos_fraction = pos_fraction
        self.neg_pos_ub = neg_pos_ub
        self.add_gt_as_proposals = add_gt_as_proposals

    def __call__(self, labels: Tensor) -> Tensor:
        return self.take(labels, torch.rand(labels.shape, device=labels.device))

    def take(self, labels: Tensor, order: Tensor) -> Tensor:
        """Takes the priors with the smallest numbers in `order` (..., R)."""
        num_pos = int(self.num * self.pos_fraction)
        pos = _smallest(order, labels > 0, num_pos, num_pos)
        found = pos.sum(dim=-1, keepdim=True)  # (..., R) -> (..., 1)
        num_neg = self.num - found
        if self.neg_pos_ub >= 0:
            num_neg = num_neg.minimum((self.neg_pos_ub * found.clamp(min=1)).long())
        return pos | _smallest(order, labels == 0, num_neg, self.num)


class OHEMSampler(RandomSampler):
    """Takes the priors of the largest loss (Shrivastava et al. 2016), in numbers as RandomSampler.

    It is for the second stage: the losses are those of its classes, computed without gradient.

    Args: as of RandomSampler.
    """

    needs_losses: ClassVar[bool] = True

    def __call__(self, labels: Tensor, losses: Tensor) -> Tensor:
        """As of RandomSampler, with the loss (..., R) of each prior."""
        return self.take(labels, -losses)


def _smallest(order: Tensor, among: Tensor, count: Tensor | int, most: int) -> Tensor:
    """Returns (..., R) bool: the `count` smallest of `order` where `among`.

    `count` may lie on a device; `most` is what it cannot exceed.
    """
    order = order.where(among, torch.inf)
    best = order.topk(min(most, order.shape[-1]), dim=-1, largest=False)  # (..., R) -> (..., k)
    rank = torch.arange(best.values.shape[-1], device=order.device)  # (k,)
    taken = (rank < count) & (best.values < torch.inf)  # (k,) < (..., 1) -> (..., k)
    return torch.zeros_like(among).scatter(-1, best.indices, taken)
