"""Where in a box its points count, learnt for each class (AutoAssign, Zhu et al. 2020, 3.3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CenterPrior(nn.Module):
    """How much a point counts for a box, by where it is in it: learnt for each class (eq. 4).

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(num_classes, 2))
        self.sigma = nn.Parameter(torch.ones(num_classes, 2))

    def forward(self, priors: Tensor, bboxes: Tensor, labels: Tensor) -> Tensor:
        """Squares of side = stride around R points, g boxes with labels in 1..C -> (g, R)."""
        points, stride = (priors[:, :2] + priors[:, 2:]) / 2, priors[:, 2:3] - priors[:, :1]
        centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2
        # (R, 2) - (g, 1, 2) -> (g, R, 2), in strides
        off = (points - centers[:, None]) / stride - self.mean[labels - 1][:, None]
        return torch.exp(-(off**2) / (2 * self.sigma[labels - 1][:, None] ** 2)).prod(dim=-1)
