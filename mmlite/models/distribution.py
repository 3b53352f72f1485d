"""Distances as distributions (Generalized Focal Loss, Li et al. 2020, section 3).

Each side of a box is predicted as logits of n + 1 distances 0, 1, ..., n; their mean is the
distance. P sides or boxes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.registry import LOSSES


class Integral(nn.Module):
    """The mean of a distribution over 0, 1, ..., `reg_max` (equation 3).

    Args:
        reg_max: n.

    Raises:
        ConfigError: it is less than 1.
    """

    def __init__(self, reg_max: int = 16) -> None:
        super().__init__()
        if reg_max < 1:
            raise ConfigError(f'reg_max: 1 or more is expected, found {reg_max}')
        self.register_buffer('project', torch.linspace(0, reg_max, reg_max + 1))

    def forward(self, logits: Tensor) -> Tensor:
        """(..., 4 * (n + 1)) logits -> (..., 4) distances."""
        # (..., 4 * (n + 1)) -> (..., 4, n + 1) -> (..., 4)
        sides = logits.unflatten(-1, (4, len(self.project))).softmax(dim=-1)
        return (sides * self.project).sum(dim=-1)  # float32 in amp; `@` is not


@LOSSES.register_module()
class DistributionFocalLoss(nn.Module):
    """Cross entropy to the two whole numbers around a distance, the nearer one counts more (eq. 6).

    Args:
        loss_weight: factor on the result.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, target: Tensor, avg_factor: Tensor, weight: Tensor) -> Tensor:
        """Returns a scalar.

        Args:
            logits: (P, n + 1).
            target: (P,) in [0, n).
            avg_factor: scalar.
            weight: (P,), 0 for a side that has nothing to learn.
        """
        below = target.long()
        share = target - below  # of the whole number above
        low = F.cross_entropy(logits, below, reduction='none')  # (P, n + 1), (P,) -> (P,)
        high = F.cross_entropy(logits, below + 1, reduction='none')
        loss = ((1 - share) * low + share * high) * weight
        return self.loss_weight * loss.sum() / avg_factor
