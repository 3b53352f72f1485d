"""How much each level counts in DDOD (Chen et al. 2021, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn


class LevelWeights(nn.Module):
    """Counts the positives of each level as long as it lives; levels with few count up to twice.

    As in mmdet the counts are no part of the weights; a run that is resumed has them from the state
    of its processes, see `RESUMED_BUFFERS`.

    Args:
        num_levels: L.
    """

    RESUMED_BUFFERS: ClassVar[tuple[str, ...]] = ('positives',)

    def __init__(self, num_levels: int) -> None:
        super().__init__()
        self.register_buffer('positives', torch.zeros(num_levels), persistent=False)

    def forward(self, pos: Tensor, num_per_level: Sequence[int]) -> Tensor:
        """Adds the positives (N, R) to the counts; returns the weight of each prior (R,)."""
        levels = pos.sum(dim=0).split(num_per_level)  # (N, R) -> (R,) -> L of (R_l,)
        self.positives += torch.stack([level.sum() for level in levels])
        fewest, most = self.positives.aminmax()
        # (L,): from 1 for the level with the most to 2 for the one with the fewest
        weight = 2 - (self.positives - fewest) / (most - fewest + 1e-10)
        counts = torch.tensor(num_per_level, device=pos.device)
        return weight.repeat_interleave(counts, output_size=pos.shape[1])  # (L,) -> (R,)
