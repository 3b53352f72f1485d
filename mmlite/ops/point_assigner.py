"""RepPoints' first assigner: a box gets the points nearest to its centre, of one level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from mmlite.ops.assigners import Assigner, chunks
from mmlite.ops.assignment import BACKGROUND


class PointAssigner(Assigner):
    """Gives each box the nearest points of one level (RepPoints, Yang et al. 2019, section 4.2).

    The level is that of log2(sqrt(w * h) / scale), rounded towards 0. A point that is near to
    several boxes goes to the box with the nearest centre, measured in sides of the box. Priors are
    squares around the points, of side = stride. Ignored boxes change nothing, as in mmdet.

    Args:
        scale: side of a box in strides of its level.
        pos_num: points of a box.
    """

    def __init__(self, scale: float = 4, pos_num: int = 3) -> None:
        super().__init__()
        self.scale = scale
        self.pos_num = pos_num

    def assign(
        self, priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor, ignored: Tensor
    ) -> Tensor:
        """Returns (R,) int64: index of a box, or BACKGROUND."""
        assigned = torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        nearest = torch.full_like(priors[:, 0], torch.inf)
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            distance, gt = self._distances(priors, bboxes).min(dim=0)  # (c, R) -> (R,), (R,)
            assigned = torch.where(distance < nearest, gt + start, assigned)
            nearest = torch.minimum(distance, nearest)
        return assigned

    def in_range(self, priors: Tensor, num_per_level: Sequence[int], bboxes: Tensor) -> Tensor:
        """Returns (g, R) bool: the points that may look for each box, before the nearest wins."""
        return self._distances(priors, bboxes).isfinite()

    def _distances(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """How far the nearest points of each box are from it (g, R); inf for all other points."""
        points, strides = (priors[:, :2] + priors[:, 2:]) / 2, priors[:, 2] - priors[:, 0]
        centres = (bboxes[:, :2] + bboxes[:, 2:]) / 2  # (g, 4) -> (g, 2)
        sides = (bboxes[:, 2:] - bboxes[:, :2]).clamp(min=1e-6)
        level = strides.log2().int()  # (R,)
        wanted = (sides / self.scale).log2().mean(dim=1).int()  # (g, 2) -> (g,)
        wanted = torch.minimum(torch.maximum(wanted, level.amin()), level.amax())
        # (R, 2) - (g, 1, 2) -> (g, R, 2) -> (g, R)
        distances = ((points - centres[:, None]) / sides[:, None]).norm(dim=-1)
        distances = distances.where(level == wanted[:, None], torch.inf)
        count = min(self.pos_num, len(priors))
        found = distances.topk(count, dim=1, largest=False)  # (g, R) -> (g, count)
        return torch.full_like(distances, torch.inf).scatter_(1, found.indices, found.values)
