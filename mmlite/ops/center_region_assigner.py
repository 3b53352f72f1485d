"""Assignment by the middle of a box: FSAF's assigner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_area

from mmlite.ops.assigners import distances_to_sides
from mmlite.ops.assignment import BACKGROUND, IGNORE, Assignment, PredictionAssigner, Predictions
from mmlite.ops.boxes import box_iof


class CenterRegionAssigner(PredictionAssigner):
    """Gives a box the priors that touch its core (FSAF, Zhu et al. 2019, section 3.1).

    The core and the shadow of a box are the box, scaled about its centre. A prior in several cores
    goes to the smallest box. `pairs` are a prior and a box whose shadow it is in, or whose core it
    is in while it belongs to a smaller box: it is no background of the class of that box.

    Args:
        pos_scale: of the core.
        neg_scale: of the shadow.
        min_pos_iof: a larger share of the prior has to lie in the core, or in the shadow.
        ignore_gt_scale: of ignored boxes: priors with their centre in one are ignored.
        foreground_dominate: a prior of one box in the shadow of another of the same class stays
            with its box; else it is background.
    """

    gives: ClassVar[tuple[str, ...]] = ('pairs',)

    def __init__(
        self,
        pos_scale: float,
        neg_scale: float,
        min_pos_iof: float = 0.01,
        ignore_gt_scale: float = 0.5,
        foreground_dominate: bool = False,
    ) -> None:
        self.pos_scale = pos_scale
        self.neg_scale = neg_scale
        self.min_pos_iof = min_pos_iof
        self.ignore_gt_scale = ignore_gt_scale
        self.foreground_dominate = foreground_dominate

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box, BACKGROUND or IGNORE, and the pairs.

        It asks for the labels only; the predictions that come with them are not looked at.
        """
        points = (priors[:, :2] + priors[:, 2:]) / 2
        assigned = torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        pairs = assigned.new_zeros(0, 2)
        if len(gt_bboxes):
            inside = distances_to_sides(points, gt_bboxes)[0].T > 0  # (g, R) -> (R, g)
            core = self._touches(priors, gt_bboxes, self.pos_scale) & inside
            shadow = self._touches(priors, gt_bboxes, self.neg_scale)
            # (g,): the place of each box when the smallest is the last
            rank = box_area(gt_bboxes).argsort(descending=True).argsort()
            place, smallest = rank.where(core, -1).max(dim=1)  # (R, g) -> (R,), (R,)
            assigned = smallest.where(place >= 0, BACKGROUND)
            own = torch.zeros_like(core).scatter_(1, smallest[:, None], True) & core
            pairs = ((shadow | core) & ~own).nonzero()  # (p, 2)
        if gt_bboxes_ignore is not None and len(gt_bboxes_ignore):
            regions = resized_about_centre(gt_bboxes_ignore, self.ignore_gt_scale)
            assigned[(distances_to_sides(points, regions)[0] > 0).any(dim=0)] = IGNORE
        if len(pairs):
            prior, box = pairs.T
            same = (assigned[prior] >= 0) & (gt_labels[assigned[prior]] == gt_labels[box])
            if self.foreground_dominate:
                pairs = pairs[~same]
            else:
                assigned[prior[same]] = BACKGROUND
        return Assignment(assigned, pairs=pairs)

    def _touches(self, priors: Tensor, bboxes: Tensor, scale: float) -> Tensor:
        return box_iof(priors, resized_about_centre(bboxes, scale)) > self.min_pos_iof  # (R, g)


def resized_about_centre(bboxes: Tensor, scale: float) -> Tensor:
    """Boxes (g, 4) of `scale` times the sides about the same centres."""
    centre, half = (bboxes[:, :2] + bboxes[:, 2:]) / 2, (bboxes[:, 2:] - bboxes[:, :2]) / 2
    return torch.cat([centre - half * scale, centre + half * scale], dim=1)
