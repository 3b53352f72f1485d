"""SABL's assigner (Wang et al. 2020, section 3.4): a prior counts as the best of several boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.ops.assigners import MaxIoUAssigner


class ApproxMaxIoUAssigner(MaxIoUAssigner):
    """The rule of MaxIoUAssigner; the IoU of a prior is the best one of the boxes around it.

    Which boxes those are, RetinaNet's nine anchors as a rule, the head says with
    `compare_around`. Ignored boxes are compared with the prior itself, as in mmdet.

    Args: as of MaxIoUAssigner.
    """

    needs_approximations: ClassVar[bool] = True

    def compare_around(self, shifts: Sequence[Tensor]) -> None:
        """Takes the boxes around each prior.

        Args:
            shifts: per level (A, 4), what is added to a prior (4,) to get each of its boxes.
        """
        self.shifts = list(shifts)

    def overlaps(self, bboxes: Tensor, priors: Tensor, num_per_level: Sequence[int]) -> Tensor:
        """Returns the best IoU (g, R) of boxes (g, 4) with what is around each prior (R, 4)."""
        self.shifts = [shift.to(priors) for shift in self.shifts]  # copied to a GPU once
        levels = []
        for level, shifts in zip(priors.split(list(num_per_level)), self.shifts, strict=True):
            around = (level + shift for shift in shifts)  # A of (R_l, 4)
            best = box_iou(bboxes, next(around))  # (g, 4), (R_l, 4) -> (g, R_l)
            for boxes in around:  # one after another: all at once take A times the memory
                best = torch.maximum(best, box_iou(bboxes, boxes))
            levels.append(best)
        return torch.cat(levels, dim=1)  # L of (g, R_l) -> (g, R)
