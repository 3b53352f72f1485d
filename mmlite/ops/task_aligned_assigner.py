"""Assignment by the task: priors that score and overlap well, in TOOD."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.ops.assigners import chunks, distances_to_sides
from mmlite.ops.assignment import BACKGROUND, Assignment, PredictionAssigner, Predictions


class TaskAlignedAssigner(PredictionAssigner):
    """Assigns to each box the priors with the best t = score^alpha * IoU^beta (TOOD, section 3.2).

    A candidate's centre has to lie in the box. A prior wanted by several boxes goes to the one that
    its prediction overlaps most. Its quality is t, scaled so that the best prior of each box has
    the largest IoU of the priors of that box. Ignored boxes change nothing, as in mmdet.

    Args:
        topk: candidates of a box.
        alpha, beta: exponents of the score and of the IoU.
    """

    gives: ClassVar[tuple[str, ...]] = ('quality',)

    def __init__(self, topk: int = 13, alpha: float = 1.0, beta: float = 6.0) -> None:
        self.topk = topk
        self.alpha = alpha
        self.beta = beta

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box or BACKGROUND, and its quality."""
        points = (priors[:, :2] + priors[:, 2:]) / 2
        best_gt = torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        best_iou, metric = torch.zeros_like(priors[:, 0]), torch.zeros_like(priors[:, 0])
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            labels = gt_labels[start : start + len(bboxes)]
            ious = box_iou(bboxes, predictions.bboxes)  # (c, 4), (R, 4) -> (c, R)
            scores = predictions.scores.T[labels - 1]  # (R, C) -> (c, R)
            aligned = scores**self.alpha * ious**self.beta
            nearest, _ = distances_to_sides(points, bboxes)
            candidates = aligned.topk(min(self.topk, len(priors)), dim=1).indices  # (c, topk)
            positive = torch.zeros_like(ious, dtype=torch.bool).scatter_(1, candidates, True)
            positive &= (aligned > 0) & (nearest > 0.01)
            iou, gt = ious.where(positive, 0).max(dim=0)  # (c, R) -> (R,), (R,)
            better = iou > best_iou
            best_gt = torch.where(better, gt + start, best_gt)
            # (c, R), (1, R) -> (R,): that of the box which takes the prior
            metric = torch.where(better, aligned.gather(0, gt[None])[0], metric)
            best_iou = torch.maximum(iou, best_iou)
        return Assignment(best_gt, self._quality(best_gt, best_iou, metric, len(gt_bboxes)))

    @staticmethod
    def _quality(gt: Tensor, iou: Tensor, metric: Tensor, count: int) -> Tensor:
        """Scales the metric (R,) of the positives so that its largest is the largest IoU (R,)."""
        index = gt.clamp(min=0)
        # (count,): of the priors of each box; a prior without a box has 0 and 0
        most, largest = (
            values.new_zeros(max(count, 1)).scatter_reduce(0, index, values, 'amax')
            for values in (metric, iou)
        )
        return metric / (most[index] + 1e-7) * largest[index]
