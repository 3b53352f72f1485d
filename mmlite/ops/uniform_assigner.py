"""As many priors for a small box as for a large one: YOLOF's assigner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_convert, box_iou

from mmlite.ops.assignment import BACKGROUND, IGNORE, Assignment, PredictionAssigner, Predictions


class UniformAssigner(PredictionAssigner):
    """Gives each box the nearest predictions and the nearest priors (YOLOF, Chen et al. 2021, 4.2).

    Near is measured as L1 of centre, width and height. Those whose prior overlaps the box too
    little are ignored, and so are priors of no box whose prediction overlaps one well. `pairs` are
    all pairs that overlap enough: their boxes are learnt, also where a later box has the prior.
    Ignored boxes change nothing, as in mmdet.

    Args:
        pos_ignore_thr: IoU of prior and box below which a pair is ignored.
        neg_ignore_thr: IoU of prediction and box above which a prior is no background.
        match_times: predictions, and priors, of a box.
    """

    gives: ClassVar[tuple[str, ...]] = ('pairs',)

    def __init__(self, pos_ignore_thr: float, neg_ignore_thr: float, match_times: int = 4) -> None:
        self.pos_ignore_thr = pos_ignore_thr
        self.neg_ignore_thr = neg_ignore_thr
        self.match_times = match_times

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box, BACKGROUND or IGNORE, and the pairs."""
        assigned = torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        if len(gt_bboxes) == 0:
            return Assignment(assigned, pairs=assigned.new_zeros(0, 2))
        count = min(self.match_times, len(priors))
        nearest = [
            _distances(boxes, gt_bboxes).topk(count, dim=0, largest=False).indices  # (count, g)
            for boxes in (predictions.bboxes, priors)
        ]
        inds = torch.cat(nearest, dim=1).flatten()  # (count, 2 * g) -> (p,)
        gt = torch.arange(len(gt_bboxes), device=inds.device).repeat(2 * count)  # (p,)
        enough = box_iou(priors, gt_bboxes)[inds, gt] >= self.pos_ignore_thr

        well = box_iou(predictions.bboxes, gt_bboxes).amax(dim=1) > self.neg_ignore_thr  # (R,)
        assigned[well] = IGNORE
        # where several pairs have one prior the last of them counts
        last = torch.full_like(assigned, -1).scatter_reduce(
            0, inds, torch.arange(len(inds), device=inds.device), 'amax'
        )
        said = gt.where(enough, IGNORE)[last]  # (p,)[(R,)] -> (R,)
        pairs = torch.stack([inds, gt], dim=1)[enough]
        return Assignment(assigned.where(last < 0, said), pairs=pairs)


def _distances(boxes: Tensor, gt_bboxes: Tensor) -> Tensor:
    """L1 of (cx, cy, w, h): (R, 4), (g, 4) -> (R, g)."""
    return torch.cdist(*(box_convert(b, 'xyxy', 'cxcywh') for b in (boxes, gt_bboxes)), p=1)
