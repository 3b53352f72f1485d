"""Samplers: which of the priors that have a target take part in the loss.

`sampler(labels (..., R))` takes -1 for ignored, 0 for background and 1..C for a box, and returns
(..., R) bool. Nothing here asks a device how many there are, so it never waits for one. What is
drawn comes from torch's generator of the device, whose state a checkpoint keeps.

A sampler of a second stage may name in `needs` what else it is called with, each of one image:
`losses` (R,) of the classes, `indices` (R,) of the boxes, -1 for background, and `overlaps` (R,),
the largest IoU with a box.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from mmlite.errors import ConfigError


class PseudoSampler:
    """Takes all priors that are not ignored."""

    needs: ClassVar[tuple[str, ...]] = ()
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

    needs: ClassVar[tuple[str, ...]] = ()

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

    def __call__(self, labels: Tensor, **facts: Tensor) -> Tensor:
        """Takes the priors that come first in their order, see the module.

        Args:
            labels: (..., R): -1 ignore, 0 background, 1..C.
            facts: what `needs` names.
        """
        drawn = torch.rand(labels.shape, device=labels.device)
        num_pos = int(self.num * self.pos_fraction)
        order = self.order_of_pos(drawn, labels, num_pos, facts)
        pos = smallest(order, labels > 0, num_pos, num_pos)
        found = pos.sum(dim=-1, keepdim=True)  # (..., R) -> (..., 1)
        num_neg = self.num - found
        if self.neg_pos_ub >= 0:
            num_neg = num_neg.minimum((self.neg_pos_ub * found.clamp(min=1)).long())
        order = self.order_of_neg(drawn, labels, num_neg, facts)
        return pos | smallest(order, labels == 0, num_neg, self.num)

    def order_of_pos(
        self, drawn: Tensor, labels: Tensor, num: int, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """Returns (..., R): of the priors with a box, the `num` smallest are taken.

        Args:
            drawn: (..., R) in [0, 1), drawn.
            labels, facts: as of `__call__`.
            num: how many are taken, if there are enough.
        """
        return drawn

    def order_of_neg(
        self, drawn: Tensor, labels: Tensor, num: Tensor, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """Does so for background, where `num` is (..., 1), and lies on the device."""
        return drawn


class OHEMSampler(RandomSampler):
    """Takes the priors of the largest loss (Shrivastava et al. 2016), in numbers as RandomSampler.

    It is for the second stage: the losses are those of its classes, computed without gradient.

    Args: as of RandomSampler.
    """

    needs: ClassVar[tuple[str, ...]] = ('losses',)

    def order_of_pos(
        self, drawn: Tensor, labels: Tensor, num: int, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """The largest losses come first."""
        return -facts['losses']

    def order_of_neg(
        self, drawn: Tensor, labels: Tensor, num: Tensor, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """Here too."""
        return -facts['losses']


def smallest(order: Tensor, among: Tensor, count: Tensor | int, most: int) -> Tensor:
    """Returns (..., R) bool: the `count` smallest of `order` where `among`.

    `count` may lie on a device; `most` is what it cannot exceed.
    """
    order = order.where(among, torch.inf)
    best = order.topk(min(most, order.shape[-1]), dim=-1, largest=False)  # (..., R) -> (..., k)
    rank = torch.arange(best.values.shape[-1], device=order.device)  # (k,)
    taken = (rank < count) & (best.values < torch.inf)  # (k,) < (..., 1) -> (..., k)
    return torch.zeros_like(among).scatter(-1, best.indices, taken)
