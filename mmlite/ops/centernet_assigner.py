"""Points in the middle of a box, and a heat map of boxes: what CenterNet2's first stage learns.

The method is that of Zhou et al. 2021 (Probabilistic two-stage detection, section 4), with more
positives as in mmdet. R points over all levels, g boxes and C classes of an image, p pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from mmlite.ops.assigners import chunks, distances_to_sides
from mmlite.ops.assignment import BACKGROUND, Assignment, PredictionAssigner, Predictions

_NO_HEAT = 1e-4  # of a heat map, below which there is 0


class CenterNetAssigner(PredictionAssigner):
    """Gives a box the 3 x 3 points around its centre, on the levels that look for its size.

    A point in the middle of several boxes goes to the one with the nearest centre, in units of the
    size of the box. `pairs` are what the classes learn as positives: each box with its central
    points, and with those of the `more_pos_topk` best predicted ones around them, on any level,
    whose box is good. Ignored boxes change nothing, as in mmdet.

    Args:
        regress_ranges: per level the least and the largest half diagonal of a box, in pixels.
        per_box: the loss of boxes, (n, 4) predicted and (n, 4) wanted -> (n,).
        hm_min_radius, hm_min_overlap: of a peak: its least radius in pixels, and the IoU of a box
            that is moved by the radius.
        more_pos_thresh: the loss of a box has to be less for another positive.
        more_pos_topk: see above.
    """

    gives: ClassVar[tuple[str, ...]] = ('pairs',)

    def __init__(
        self,
        regress_ranges: Sequence[tuple[float, float]],
        per_box: Callable[[Tensor, Tensor], Tensor],
        hm_min_radius: float = 4,
        hm_min_overlap: float = 0.8,
        more_pos_thresh: float = 0.2,
        more_pos_topk: int = 9,
    ) -> None:
        self.regress_ranges = regress_ranges
        self.per_box = per_box
        self.least = hm_min_radius**2
        self.delta = (1 - hm_min_overlap) / (1 + hm_min_overlap)
        self.more_pos_thresh = more_pos_thresh
        self.more_pos_topk = more_pos_topk

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box or BACKGROUND, and the pairs."""
        assigned = torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        nearest = torch.full_like(priors[:, 0], torch.inf)
        pairs = [assigned.new_zeros(0, 2)]
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            middle, is_center, distance = self.around_centers(priors, bboxes)
            inside = distances_to_sides(_points(priors), bboxes)[0]  # (c, R)
            in_range = self.in_range(num_per_level, bboxes)
            fits = middle & in_range & (inside > 0)
            least, gt = distance.where(fits, torch.inf).min(dim=0)  # (c, R) -> (R,)
            assigned = torch.where(least < nearest, gt + start, assigned)
            nearest = torch.minimum(least, nearest)

            candidates = middle & (inside >= 0)
            sure = is_center & in_range & candidates
            good = self.well_predicted(candidates, sure, bboxes, predictions.bboxes)
            box, prior = good.nonzero(as_tuple=True)
            pairs.append(torch.stack([prior, box + start], dim=1))
        return Assignment(assigned, pairs=torch.cat(pairs))

    def around_centers(self, priors: Tensor, bboxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns (g, R) of boxes and points: the 3 x 3 in the middle, the one there, distances.

        A distance is the square of that to the centre, over the square of the radius of the peak.
        """
        strides = priors[:, 2] - priors[:, 0]  # (R,)
        points = _points(priors)
        centers = (bboxes[:, None, :2] + bboxes[:, None, 2:]) / 2  # (g, 1, 2)
        # (g, 1, 2), (R, 1) -> (g, R, 2): the middle of the cell that has the centre
        cells = ((centers / strides[:, None]).int() + 0.5) * strides[:, None]
        off = (points - cells).abs()
        middle, is_center = (off <= strides[:, None]).all(dim=2), (off == 0).all(dim=2)
        areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(dim=1)  # (g,)
        radii = (self.delta**2 * 2 * areas).clamp(min=self.least)
        distance = ((points - centers) ** 2).sum(dim=2).where(~is_center, 0) / radii[:, None]
        return middle, is_center, distance

    def in_range(self, num_per_level: Sequence[int], bboxes: Tensor) -> Tensor:
        """Returns (g, R) bool: does the level of the point look for boxes of this size?"""
        half = (bboxes[:, 2:] - bboxes[:, :2]).square().sum(dim=1, keepdim=True).sqrt() / 2
        limits = bboxes.new_tensor(self.regress_ranges)  # (L, 2)
        fits = (half >= limits[:, 0]) & (half <= limits[:, 1])  # (g, L)
        counts = torch.tensor(num_per_level, device=bboxes.device)
        return fits.repeat_interleave(counts, dim=1, output_size=sum(num_per_level))

    def well_predicted(
        self, candidates: Tensor, sure: Tensor, bboxes: Tensor, predicted: Tensor
    ) -> Tensor:
        """Returns which candidates (g, R) have one of the least losses, below the threshold.

        It has to be less than the last one, as in mmdet: they are one fewer than `more_pos_topk`.
        Those that are `sure` (g, R) have the loss 0.
        """
        box, prior = candidates.nonzero(as_tuple=True)
        losses = torch.full_like(candidates, torch.inf, dtype=predicted.dtype)
        losses[box, prior] = self.per_box(predicted[prior], bboxes[box])
        losses[sure] = 0
        count = min(self.more_pos_topk, losses.shape[1])
        last = losses.topk(count, dim=1, largest=False).values[:, -1:]  # (g, 1)
        return losses < last.clamp(max=self.more_pos_thresh)

    def heat_map(
        self, priors: Tensor, gt_bboxes: Tensor, gt_labels: Tensor, num_classes: int
    ) -> Tensor:
        """Returns how near each point is to a box of each class (R, C): 1 at its centre, else less.

        Args:
            priors: (R, 4), squares around the points of side = stride.
            gt_bboxes, gt_labels: (g, 4) and (g,) in 1..C.
            num_classes: C.
        """
        least = priors.new_full((num_classes, len(priors)), torch.inf)
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            distance = self.around_centers(priors, bboxes)[2]  # (c, R)
            labels = gt_labels[start : start + len(bboxes)]
            index = (labels - 1)[:, None].expand_as(distance)
            least = least.scatter_reduce(0, index, distance, 'amin')
        heat = torch.exp(-least.T)
        return heat.where(heat >= _NO_HEAT, 0)


def _points(priors: Tensor) -> Tensor:
    return (priors[:, :2] + priors[:, 2:]) / 2
