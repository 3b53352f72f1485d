"""How much each level counts in DDOD (Chen et al. 2021, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn


class LevelWeights(nn.Module):
    """Counts the positives of each level over the whole training; levels with few count up to twice.

    A checkpoint has the counts, so that a resume is exact. mmdet's files do not: from such a file
    they begin at 0. Several processes count together, as one process with all batches does.

    Args:
        num_levels: L.
    """

    def __init__(self, num_levels: int) -> None:
        super().__init__()
        self.register_buffer('positives', torch.zeros(num_levels))

    def forward(self, pos: Tensor, num_per_level: Sequence[int]) -> Tensor:
        """Adds the positives (N, R) to the counts; returns the weight of each prior (R,)."""
        levels = pos.sum(dim=0).split(num_per_level)  # (N, R) -> (R,) -> L of (R_l,)
        found = torch.stack([level.sum() for level in levels]).type_as(self.positives)
        all_reduce(found)
        self.positives += found
        fewest, most = self.positives.aminmax()
        # (L,): from 1 for the level with the most to 2 for the one with the fewest
        weight = 2 - (self.positives - fewest) / (most - fewest + 1e-10)
        counts = torch.tensor(num_per_level, device=pos.device)
        return weight.repeat_interleave(counts, output_size=pos.shape[1])  # (L,) -> (R,)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *others: Any) -> None:
        state_dict.setdefault(f'{prefix}positives', torch.zeros_like(self.positives))
        super()._load_from_state_dict(state_dict, prefix, *others)
