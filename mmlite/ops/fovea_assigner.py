"""Assignment by the middle of a box, on levels for its size: FoveaBox's assigner."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_area

from mmlite.ops.assigners import Assigner
from mmlite.ops.assignment import BACKGROUND


class FoveaAssigner(Assigner):
    """Assigns the cells around the centre of a box (FoveaBox, Kong et al. 2020, section 3.3).

    A box belongs to each level whose range its size, the root of its area, is in; there it takes
    the cells whose centre lies in the box scaled by sigma. A cell of several boxes goes to the
    smallest. What lies beyond the map is moved to its border, as in mmdet. Ignored boxes change
    nothing.

    Args:
        strides: pixels per cell of each level.
        scale_ranges: per level the smallest and the largest size of a box, in pixels.
        sigma: scale of the part of a box that counts.
    """

    def __init__(
        self, strides: Sequence[int], scale_ranges: Sequence[tuple[float, float]], sigma: float
    ) -> None:
        super().__init__()
        self.strides = strides
        self.scale_ranges = scale_ranges
        self.sigma = sigma

    def assign(
        self, priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor, ignored: Tensor
    ) -> Tensor:
        """Returns (R,) int64: index of a box, or BACKGROUND."""
        if len(gt_bboxes) == 0:
            return torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        size = box_area(gt_bboxes).sqrt()  # (g,)
        centre = (gt_bboxes[:, :2] + gt_bboxes[:, 2:]) / 2
        half = (gt_bboxes[:, 2:] - gt_bboxes[:, :2]) * self.sigma / 2
        low, high = centre - half, centre + half  # (g, 2)
        levels = []
        for level, stride, (least, most) in zip(
            priors.split(list(num_per_level)), self.strides, self.scale_ranges, strict=True
        ):
            cells = ((level[:, :2] + level[:, 2:]) / 2 / stride - 0.5).round()  # (R_l, 2): x, y
            last = cells.amax(dim=0)
            first_cell = (low / stride - 0.5).ceil().clamp(min=0).minimum(last)  # (g, 2)
            last_cell = (high / stride - 0.5).floor().clamp(min=0).minimum(last)
            # (1, R_l, 2), (g, 1, 2) -> (g, R_l)
            inside = (cells >= first_cell[:, None]) & (cells <= last_cell[:, None])
            fits = inside.all(dim=2) & ((size >= least) & (size <= most))[:, None]
            smallest, gt = size[:, None].where(fits, torch.inf).min(dim=0)  # (g, R_l) -> (R_l,)
            levels.append(gt.where(smallest < torch.inf, BACKGROUND))
        return torch.cat(levels)
