"""The level that a box chooses for itself (FSAF, Zhu et al. 2019, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor

_NO_PRIOR = 1e6  # the loss of a box on a level where it has no prior


def on_best_level(cost: Tensor, owner: Tensor, level: Tensor, num_levels: int) -> Tensor:
    """Whether a prior is on the level where the mean cost of its box is the smallest.

    Args:
        cost: (N, R).
        owner: (N, R), the place of its box among all of the batch, -1 for none.
        level: (R,), from 0.
        num_levels: L.

    Returns:
        (N, R) bool; what it is for a prior without a box means nothing.
    """
    # one bin for each box and level, and one for all priors without a box
    bins = (owner + 1) * num_levels + level.long()  # (N, R)
    count = (int(owner.max()) + 2) * num_levels
    sums, numbers = (
        cost.new_zeros(count).index_add(0, bins.flatten(), values.flatten())
        for values in (cost, torch.ones_like(cost))
    )
    mean = (sums / numbers).where(numbers > 0, _NO_PRIOR).view(-1, num_levels)  # (boxes + 1, L)
    return mean.argmin(dim=1)[owner + 1] == level
