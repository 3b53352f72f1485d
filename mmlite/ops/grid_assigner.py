"""YOLO's assigner: a box is found by anchors of the cells that hold a centre, and by no others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.ops.assigners import Assigner, chunks, last_taker
from mmlite.ops.assignment import BACKGROUND, IGNORE


class GridAssigner(Assigner):
    """Assigns a box to the anchors it overlaps most, of those whose cell holds a box's centre.

    YOLOv3 (Redmon and Farhadi 2018, section 2.1). Anchors of all cells are compared with all boxes
    to say what is background; only those of cells with a centre can have an object. Anchors lie in
    the middle of their cells, as YOLOAnchorGenerator makes them. Ignored boxes change nothing, as
    in mmdet.

    Args:
        pos_iou_thr: IoU above which such an anchor takes its best box.
        neg_iou_thr: IoU up to which an anchor is background, or a (low, high) pair; above it, it is
            ignored if it has no object.
        min_pos_iou: IoU above which a box takes its best such anchor whatever the thresholds say.
        gt_max_assign_all: the box takes all anchors that share its best IoU, not only the first.
    """

    def __init__(
        self,
        pos_iou_thr: float,
        neg_iou_thr: float | Sequence[float],
        min_pos_iou: float = 0.0,
        gt_max_assign_all: bool = True,
    ) -> None:
        super().__init__()
        self.pos_iou_thr = pos_iou_thr
        # IoUs are 0 or more: all are above -1
        self.neg_iou_range = (
            (-1.0, neg_iou_thr) if isinstance(neg_iou_thr, (int, float)) else tuple(neg_iou_thr)
        )
        self.min_pos_iou = min_pos_iou
        self.gt_max_assign_all = gt_max_assign_all

    def assign(
        self, priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor, ignored: Tensor
    ) -> Tensor:
        """Returns (R,) int64: index of a box, BACKGROUND or IGNORE."""
        if len(gt_bboxes) == 0:
            return torch.full_like(ignored, BACKGROUND, dtype=torch.int64)
        holds = self.holds_a_centre(priors, num_per_level, gt_bboxes)  # (R,) bool
        best_iou = torch.zeros_like(priors[:, 0])  # with any box, of any anchor
        best_gt = torch.full_like(best_iou, IGNORE, dtype=torch.int64)
        taken_by = torch.full_like(best_gt, -1)
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            ious = box_iou(bboxes, priors)  # (c, 4), (R, 4) -> (c, R)
            iou, gt = ious.max(dim=0)  # (c, R) -> (R,), (R,)
            best_gt = torch.where((iou > best_iou) & holds, gt + start, best_gt)
            best_iou = torch.maximum(iou, best_iou)
            ious = ious.where(holds & (ious > self.min_pos_iou), -1)
            last = last_taker(ious, 0, self.gt_max_assign_all)  # (c, R) -> (R,)
            taken_by = torch.where(last >= 0, last + start, taken_by)

        low, high = self.neg_iou_range
        is_background = (best_iou > low) & (best_iou <= high)
        assigned = torch.full_like(best_gt, IGNORE).masked_fill_(is_background, BACKGROUND)
        assigned = torch.where((best_iou > self.pos_iou_thr) & holds, best_gt, assigned)
        return torch.where(taken_by >= 0, taken_by, assigned)

    @staticmethod
    def holds_a_centre(priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor) -> Tensor:
        """Returns (R,) bool: anchors whose cell holds the centre of a box (g, 4)."""
        centres = (gt_bboxes[:, :2] + gt_bboxes[:, 2:]) / 2  # (g, 4) -> (g, 2)
        holds = []
        for level in priors.split(list(num_per_level)):  # (R, 4) -> L of (R_l, 4)
            middles = (level[:, :2] + level[:, 2:]) / 2
            stride = 2 * middles[:1]  # (1, 2): the first cell begins at 0
            found = torch.zeros_like(middles[:, 0], dtype=torch.bool)
            for _, some in chunks(centres, len(level)):
                # (c, 1, 2) == (R_l, 2) -> (c, R_l, 2) -> (R_l,)
                same = (some / stride).floor()[:, None] == (middles / stride).floor()
                found |= same.all(dim=-1).any(dim=0)
            holds.append(found)
        return torch.cat(holds)
