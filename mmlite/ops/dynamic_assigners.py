"""Assigners that compare what the network predicts: SimOTA (YOLOX) and soft labels (RTMDet).

    cost of a pair of box and prior = how wrong its score is + how wrong its box is + how far it is

A box takes the k priors of the least cost, where k is the sum of the largest IoUs among what the
priors predict: the more of them are good, the more it takes. A prior that several boxes want goes
to the box of the least cost. Ignored boxes change nothing, as in mmdet.

In the comments on shapes: R priors, C classes, g boxes in an image, c boxes of a chunk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlite.ops.assigners import chunks, distances_to_sides
from mmlite.ops.assignment import BACKGROUND, Assignment, PredictionAssigner, Predictions
from mmlite.ops.boxes import aligned_iou

_FAR = 1e5  # what a prior costs that is not in the box and near its centre
_LEAST_IOU = 1e-7


class DynamicKAssigner(PredictionAssigner):
    """What the two share: a subclass writes `in_range` and `cost`.

    Args:
        topk: how many IoUs are added up, and so the most priors that a box takes.
        iou_weight: factor on the cost of the box.
    """

    gives: ClassVar[tuple[str, ...]] = ('quality',)

    def __init__(self, topk: int, iou_weight: float) -> None:
        self.topk = topk
        self.iou_weight = iou_weight

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box or BACKGROUND; its quality is the IoU.

        Priors are squares around the points, of side = stride; ignored boxes change nothing.
        """
        candidates = torch.zeros_like(priors[:, 0], dtype=torch.bool)
        for _, bboxes in chunks(gt_bboxes, len(priors)):
            # (c, R) -> (R,): who may look for one box may look for all
            candidates |= self.in_range(priors, num_per_level, bboxes).any(dim=0)
        count = torch.zeros_like(candidates, dtype=torch.int64)  # boxes that want a prior
        wanted_by, cheapest = torch.full_like(count, BACKGROUND), torch.zeros_like(count)
        least = torch.full_like(priors[:, 0], torch.inf)
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            labels = gt_labels[start : start + len(bboxes)]
            # (c, 1, 4), (R, 4) -> (c, R)
            ious = aligned_iou(bboxes[:, None], predictions.bboxes).where(candidates, 0)
            cost = self.cost(priors, bboxes, labels, predictions, ious)
            wanted = self.wanted(cost.where(candidates, torch.inf), ious) & candidates
            count += wanted.sum(dim=0)  # (c, R) -> (R,)
            wanted_by = torch.where(
                wanted.any(dim=0), wanted.int().argmax(dim=0) + start, wanted_by
            )
            cost, gt = cost.min(dim=0)  # (c, R) -> (R,), (R,)
            cheapest = torch.where(cost < least, gt + start, cheapest)
            least = torch.minimum(cost, least)
        indices = torch.where(count > 1, cheapest, wanted_by)
        # what BACKGROUND (-1) points at is a box of its own
        matched = torch.cat([gt_bboxes, gt_bboxes.new_zeros(1, 4)])[indices]  # (g + 1, 4) -> (R, 4)
        return Assignment(indices, aligned_iou(matched, predictions.bboxes).where(count > 0, 0))

    def wanted(self, cost: Tensor, ious: Tensor) -> Tensor:
        """Returns (c, R) bool: of each box the k priors of the least cost, from two (c, R)."""
        most = min(self.topk, cost.shape[1])
        k = ious.topk(most, dim=1).values.sum(dim=1).int().clamp(min=1)  # (c, R) -> (c,)
        nearest = cost.topk(most, dim=1, largest=False).indices  # (c, R) -> (c, most)
        ranks = torch.arange(most, device=cost.device)
        # (most,) < (c, 1) -> (c, most), by rank; scatter_ turns it into (c, R) by prior
        return torch.zeros_like(cost, dtype=torch.bool).scatter_(1, nearest, ranks < k[:, None])

    def in_range(self, priors: Tensor, num_per_level: Sequence[int], bboxes: Tensor) -> Tensor:
        """Returns (c, R) bool: the priors that may look for each box, whatever they predict."""
        raise NotImplementedError

    def cost(
        self,
        priors: Tensor,
        bboxes: Tensor,
        labels: Tensor,
        predictions: Predictions,
        ious: Tensor,
    ) -> Tensor:
        """Returns (c, R) of boxes (c, 4) with labels (c,), whose IoUs with the predicted are given.

        The order of the additions is mmdet's: sums of 1e5 are rounded to 1/128.
        """
        raise NotImplementedError

    def iou_cost(self, ious: Tensor) -> Tensor:
        return -torch.log(ious + _LEAST_IOU) * self.iou_weight


class SimOTAAssigner(DynamicKAssigner):
    """YOLOX's (Ge et al. 2021, section 2.4, "SimOTA"; Ge et al. 2021, OTA, section 3.3).

    A prior in a box or near the centre of one is a candidate; those that are not both cost 1e5
    more.

    Args:
        center_radius: what near means, in strides.
        candidate_topk: how many IoUs are added up, and so the most priors that a box takes.
        iou_weight, cls_weight: factors on the costs of box and class.
    """

    def __init__(
        self,
        center_radius: float = 2.5,
        candidate_topk: int = 10,
        iou_weight: float = 3.0,
        cls_weight: float = 1.0,
    ) -> None:
        super().__init__(candidate_topk, iou_weight)
        self.center_radius = center_radius
        self.cls_weight = cls_weight

    def in_range(self, priors: Tensor, num_per_level: Sequence[int], bboxes: Tensor) -> Tensor:
        """Returns (c, R) bool: inside the box or near its centre."""
        inside, near = self._inside_and_near(priors, bboxes)
        return inside | near

    def cost(
        self,
        priors: Tensor,
        bboxes: Tensor,
        labels: Tensor,
        predictions: Predictions,
        ious: Tensor,
    ) -> Tensor:
        """Returns (c, R): the cross entropy of all classes, -log(IoU), and the place."""
        scores = predictions.scores
        absent = -torch.log1p(-scores).clamp(min=-100)  # (R, C)
        own = labels - 1
        present = -scores.T[own].log().clamp(min=-100)  # (R, C) -> (C, R)[(c,)] -> (c, R)
        # what the class of each box changes in the sum of all
        cls_cost = absent.sum(dim=1) + (present - absent.T[own])
        inside, near = self._inside_and_near(priors, bboxes)
        return cls_cost * self.cls_weight + self.iou_cost(ious) + ~(inside & near) * _FAR

    def _inside_and_near(self, priors: Tensor, bboxes: Tensor) -> tuple[Tensor, Tensor]:
        points, radius = (priors[:, :2] + priors[:, 2:]) / 2, priors[:, 2:] - priors[:, :2]
        nearest, _ = distances_to_sides(points, bboxes)  # (c, R)
        centers = (bboxes[:, None, :2] + bboxes[:, None, 2:]) / 2  # (c, 1, 2)
        # (R, 2) - (c, 1, 2) -> (c, R, 2) -> (c, R)
        near = ((points - centers).abs() < self.center_radius * radius).all(dim=-1)
        return nearest > 0, near


class DynamicSoftLabelAssigner(DynamicKAssigner):
    """RTMDet's (Lyu et al. 2022, section 3.3, equations 2 to 4).

    A prior in a box is a candidate. Its score has to be the IoU, and the cost of its place is ten
    times as high with each stride from the centre of the box.

    Args:
        soft_center_radius: distance in strides at which the place costs 1.
        topk: how many IoUs are added up, and so the most priors that a box takes.
        iou_weight: factor on the cost of the box.
    """

    def __init__(
        self, soft_center_radius: float = 3.0, topk: int = 13, iou_weight: float = 3.0
    ) -> None:
        super().__init__(topk, iou_weight)
        self.soft_center_radius = soft_center_radius

    def in_range(self, priors: Tensor, num_per_level: Sequence[int], bboxes: Tensor) -> Tensor:
        """Returns (c, R) bool: inside the box."""
        nearest, _ = distances_to_sides((priors[:, :2] + priors[:, 2:]) / 2, bboxes)
        return nearest > 0

    def cost(
        self,
        priors: Tensor,
        bboxes: Tensor,
        labels: Tensor,
        predictions: Predictions,
        ious: Tensor,
    ) -> Tensor:
        """Returns (c, R): quality focal loss of all classes, -log(IoU), and the place."""
        points, strides = (priors[:, :2] + priors[:, 2:]) / 2, priors[:, 2] - priors[:, 0]
        centers = (bboxes[:, None, :2] + bboxes[:, None, 2:]) / 2  # (c, 1, 2)
        # (R, 2) - (c, 1, 2) -> (c, R, 2) -> (c, R)
        distances = (points - centers).square().sum(dim=-1).sqrt() / strides
        absent = _quality_focal(predictions.logits, 0)  # (R, C)
        own = predictions.logits.T[labels - 1]  # (R, C) -> (C, R)[(c,)] -> (c, R)
        # what the class of each box changes in the sum of all
        cls_cost = absent.sum(dim=1) + (_quality_focal(own, ious) - absent.T[labels - 1])
        return cls_cost + self.iou_cost(ious) + 10 ** (distances - self.soft_center_radius)


def _quality_focal(logits: Tensor, quality: Tensor | float) -> Tensor:
    """|q - p|^2 BCE(p, q) of each entry (Li et al. 2020, Generalized Focal Loss, equation 5)."""
    quality = torch.zeros_like(logits) + quality
    off = (quality - logits.sigmoid()).abs()
    return off.square() * F.binary_cross_entropy_with_logits(logits, quality, reduction='none')
