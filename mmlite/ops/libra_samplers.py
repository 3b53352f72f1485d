"""The samplers of Libra R-CNN (Pang et al. 2019), for a second stage.

Each says in which order boxes are taken, see `RandomSampler`: whole numbers put groups one after
the other, and within a group what was drawn in [0, 1) decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.ops.samplers import RandomSampler, smallest


class InstanceBalancedPosSampler(RandomSampler):
    """Takes about as many boxes for each object (section 3.1, as mmdet has it).

    An object with more than its share gives the rest of its boxes only where other objects have
    too few.

    Args: as of RandomSampler.
    """

    needs: ClassVar[tuple[str, ...]] = ('indices',)

    def order_of_pos(
        self, drawn: Tensor, labels: Tensor, num: int, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """The share of each object comes first."""
        groups = facts['indices'].where(labels > 0, -1)
        ranks = rank_in_group(groups, drawn)
        num_objects = ((ranks == 0) & (groups >= 0)).sum().clamp(min=1)
        share = (num / num_objects).round() + 1
        return drawn + (ranks >= share)


class IoUBalancedNegSampler(RandomSampler):
    """Takes background of small and of large IoU alike (equation 3).

    Args (others as of RandomSampler):
        floor_thr: the IoU up to which boxes are of the floor. -1 is as 0, which mmdet makes of it
            after its first image.
        floor_fraction: the share of the floor; the other boxes are balanced.
        num_bins: into how many parts of equal width the IoU above the floor is cut, each with the
            same number of boxes.

    Raises:
        ConfigError: a number out of its range.
    """

    needs: ClassVar[tuple[str, ...]] = ('overlaps',)

    def __init__(
        self, num: int, pos_fraction: float, floor_thr: float = -1, floor_fraction: float = 0,
        num_bins: int = 3, neg_pos_ub: float = -1, add_gt_as_proposals: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(num, pos_fraction, neg_pos_ub, add_gt_as_proposals)
        if not (floor_thr == -1 or floor_thr >= 0) or not 0 <= floor_fraction <= 1 or num_bins < 1:
            raise ConfigError(
                'IoUBalancedNegSampler: floor_thr of -1 or from 0 up, floor_fraction in [0, 1] '
                'and num_bins from 1 up are expected, found '
                f'{floor_thr}, {floor_fraction} and {num_bins}'
            )
        self.floor_thr = max(floor_thr, 0)
        self.floor_fraction = floor_fraction
        self.num_bins = num_bins

    def order_of_neg(
        self, drawn: Tensor, labels: Tensor, num: Tensor, facts: Mapping[str, Tensor]
    ) -> Tensor:
        """The same number of each bin comes first, then the floor, then the others."""
        overlaps, neg = facts['overlaps'], labels == 0
        floor = overlaps < self.floor_thr if self.floor_thr > 0 else overlaps == 0
        num_balanced = (num * (1 - self.floor_fraction)).long()  # (1,)
        of_bins = self._first_of_bins(drawn, neg & ~floor, overlaps, num_balanced)
        order = drawn + (~of_bins).to(drawn)
        balanced = smallest(order, neg & ~floor, num_balanced, self.num)
        num_floor = num - balanced.sum(dim=-1, keepdim=True)
        of_floor = smallest(drawn, neg & floor, num_floor, self.num)
        return drawn + 2 * (~(balanced | of_floor)).to(drawn) + of_floor.to(drawn)

    def _first_of_bins(self, drawn: Tensor, among: Tensor, overlaps: Tensor, num: Tensor) -> Tensor:
        """Returns (R,) bool: of each bin its share of `num`."""
        largest = torch.cat([overlaps, overlaps.new_zeros(1)]).max()  # there may be no box at all
        width = (largest - self.floor_thr) / self.num_bins
        found = torch.zeros_like(among)
        for number in range(self.num_bins):
            start = self.floor_thr + number * width
            inside = among & (overlaps >= start) & (overlaps < start + width)
            found |= smallest(drawn, inside, num // self.num_bins, self.num)
        return found


def rank_in_group(groups: Tensor, order: Tensor) -> Tensor:
    """Returns (R,): 0 for the smallest in `order` (R,) of each group (R,), 1 for the next, ..."""
    by = order.argsort()
    by = by[groups[by].argsort(stable=True)]  # by group, then by order
    in_row = groups[by]
    first = torch.searchsorted(in_row, in_row)  # where the group of each begins
    ranks = torch.arange(len(by), device=by.device) - first
    return torch.empty_like(ranks).scatter(0, by, ranks)
