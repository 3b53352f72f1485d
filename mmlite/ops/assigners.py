"""Assigners: which ground-truth box, if any, each prior has to find.

`assigner(priors (R, 4), num_per_level, gt_bboxes (g, 4), gt_bboxes_ignore (k, 4) or None)` returns
indices only, (R,) int64: 0..g-1 for a box, BACKGROUND or IGNORE. Labels and boxes are gathered
from them in one place, the head.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.ops.boxes import box_iof

BACKGROUND = -1
IGNORE = -2


class MaxIoUAssigner:
    """Assigns a prior to the box it overlaps most, and every box to its best prior.

    Faster R-CNN (Ren et al. 2015, section 3.1.2); SSD's matching (Liu et al. 2016, section 2.2).

    Args:
        pos_iou_thr: IoU from which a prior takes its best box.
        neg_iou_thr: IoU below which it is background, or a (low, high) pair; between the two
            thresholds it is ignored.
        min_pos_iou: IoU from which a box takes its best prior whatever the thresholds say.
        gt_max_assign_all: the box takes all priors that share its best IoU, not the first alone.
        match_low_quality: whether boxes take their best priors at all.
        ignore_iof_thr: priors with a larger share inside an ignored box are ignored; a value of
            zero or less switches this off.
        ignore_wrt_candidates: measure that share on the prior; else on the ignored box.
        gpu_assign_thr: -1; mmdet 2.x moved large images to the CPU, here memory is bounded.
    """

    def __init__(
        self,
        pos_iou_thr: float,
        neg_iou_thr: float | Sequence[float],
        min_pos_iou: float = 0.0,
        gt_max_assign_all: bool = True,
        match_low_quality: bool = True,
        ignore_iof_thr: float = -1,
        ignore_wrt_candidates: bool = True,
        gpu_assign_thr: float = -1,
    ) -> None:
        self.pos_iou_thr = pos_iou_thr
        self.neg_iou_range = (
            (0.0, neg_iou_thr) if isinstance(neg_iou_thr, (int, float)) else tuple(neg_iou_thr)
        )
        self.min_pos_iou = min_pos_iou
        self.gt_max_assign_all = gt_max_assign_all
        self.match_low_quality = match_low_quality
        self.ignore_iof_thr = ignore_iof_thr
        self.ignore_wrt_candidates = ignore_wrt_candidates

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None = None,
    ) -> Tensor:
        """Returns (R,) int64: index of a box, BACKGROUND or IGNORE."""
        ignored = self._inside_ignored(priors, gt_bboxes_ignore)
        assigned = torch.full_like(priors[:, 0], IGNORE, dtype=torch.int64)
        if len(gt_bboxes) == 0:
            return assigned.masked_fill_(~ignored, BACKGROUND)

        ious = box_iou(gt_bboxes, priors).masked_fill_(ignored, -1)  # (g, R)
        best_iou, best_gt = ious.max(dim=0)
        low, high = self.neg_iou_range
        assigned[(best_iou >= low) & (best_iou < high)] = BACKGROUND
        assigned = torch.where(best_iou >= self.pos_iou_thr, best_gt, assigned)
        if self.match_low_quality:
            assigned = self._give_best_priors(assigned, ious)
        return assigned

    def _give_best_priors(self, assigned: Tensor, ious: Tensor) -> Tensor:
        """Gives each box its best prior; where boxes share one, the last box takes it."""
        gt_best_iou, gt_best_prior = ious.max(dim=1)
        enough = gt_best_iou >= self.min_pos_iou
        if self.gt_max_assign_all:
            taken = (ious == gt_best_iou[:, None]) & enough[:, None]
        else:
            taken = torch.zeros_like(ious, dtype=torch.bool)
            taken[torch.arange(len(ious), device=ious.device), gt_best_prior] = enough
        order = torch.arange(len(ious), device=ious.device)[:, None]
        last = torch.where(taken, order, -1).max(dim=0).values
        return torch.where(last >= 0, last, assigned)

    def _inside_ignored(self, priors: Tensor, gt_bboxes_ignore: Tensor | None) -> Tensor:
        none = torch.zeros_like(priors[:, 0], dtype=torch.bool)
        if self.ignore_iof_thr <= 0 or gt_bboxes_ignore is None or len(gt_bboxes_ignore) == 0:
            return none
        if self.ignore_wrt_candidates:
            share = box_iof(priors, gt_bboxes_ignore).max(dim=1).values
        else:
            share = box_iof(gt_bboxes_ignore, priors).max(dim=0).values
        return share > self.ignore_iof_thr
