"""PAA's head (Kim and Lee 2020): ATSS' layers, positives by their losses, boxes by a vote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.models.heads.atss_head import ATSSHead
from mmlite.models.heads.dense_head import reduce_mean
from mmlite.models.losses import one_hot
from mmlite.models.probabilistic_assigner import ProbabilisticAssigner
from mmlite.ops.assignment import Predictions
from mmlite.ops.boxes import aligned_iou, to_original
from mmlite.ops.nms import multiclass_nms
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_NEAR = 0.01  # the IoU from which a candidate has a vote
_WIDTH = 0.025  # how fast a vote loses weight with 1 - IoU


@HEADS.register_module()
class PAAHead(ATSSHead):
    """The assigner of `train_cfg` finds candidates; a mixture of their losses says which count.

    Where ATSS predicts the centerness, PAA predicts the IoU that the box will have.

    Args (others as of ATSSHead):
        topk, covariance_type: see `ProbabilisticAssigner`.
        score_voting: a detection is the mean of the candidates around it (section 3.3).
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(per_entry=True), loss_bbox=dict(per_box=True, on_decoded=True)
    )

    @with_arguments_of(ATSSHead)
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        anchor_generator: dict,
        *,
        topk: int = 9,
        covariance_type: str = 'diag',
        score_voting: bool = True,
        **others: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, anchor_generator, **others)
        self.score_voting = score_voting
        if self.assigner is not None:
            self.assigner = ProbabilisticAssigner(
                self.assigner, self.loss_of_each, topk, covariance_type
            )

    def loss_of_each(self, found: Predictions, bboxes: Tensor, labels: Tensor) -> Tensor:
        """What each candidate would cost as a positive (m,): its score and its box."""
        classes = one_hot(labels, self.num_classes).type_as(found.logits)
        score = self.loss_cls.per_entry(found.logits, classes).sum(dim=1)  # (m, C) -> (m,)
        box = self.loss_bbox.per_box(found.bboxes, bboxes)
        return self.loss_cls.loss_weight * score + self.loss_bbox.loss_weight * box

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """The scores' loss, the boxes' weighed by their IoU, and the predicted IoU's.

        Args:
            outs: of `forward`; `centerness` is the predicted IoU.
            priors: (R, 4), xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
        """
        pos = labels > 0
        count = reduce_mean(pos.sum().float())
        found, wanted = self.bbox_pairs(outs, priors, pos, matched)
        iou = aligned_iou(found.detach(), wanted).view_as(labels)  # (N * R,) -> (N, R)
        weight = iou.clamp(min=1e-12).where(pos, 0)
        total = reduce_mean(weight.sum()).clamp(min=1e-12)
        num_pos, target = count.clamp(min=1), iou.where(pos, -1)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, count.clamp(min=len(labels))),
            loss_bbox=self.loss_bbox(found, wanted, total, weight.flatten()),
            loss_iou=self.loss_centerness(outs['centerness'], target, num_pos),
        )

    def scores_and_factor(self, outs: dict[str, Tensor]) -> tuple[Tensor, None]:
        """Returns the root of class score times IoU (N, R, C)."""
        factor = self.score_factor(outs)[..., None]  # (N, R) -> (N, R, 1)
        return (self.loss_cls.scores(outs['cls_score']) * factor).sqrt(), None

    def detect(
        self,
        scores: Tensor,
        bbox_pred: Tensor,
        factor: None,
        priors: Tensor,
        num_per_level: list[int],
        img_meta: dict,
        rescale: bool,
    ) -> dict[str, Tensor]:
        """The detections of one image: of each level the best priors, NMS, then the vote."""
        cfg = self.test_cfg
        best = best_priors(scores, num_per_level, cfg['nms_pre'])
        above = scores[best] > cfg['score_thr']  # (b, C)
        rows, columns = above.nonzero(as_tuple=True)  # each (m,)
        inds, labels, kept = best[rows], columns + 1, scores[best][above]
        bboxes = self.bbox_coder.decode(priors[inds], bbox_pred[inds], img_meta['img_shape'][:2])
        if rescale:
            bboxes = to_original(bboxes, img_meta)
        keep, found = multiclass_nms(bboxes, kept, labels, cfg['nms'], cfg['max_per_img'])
        voted = vote(bboxes, kept, labels, keep) if self.score_voting else bboxes[keep]
        return dict(bboxes=voted, scores=found, labels=labels[keep])


def best_priors(scores: Tensor, num_per_level: Sequence[int], nms_pre: int) -> Tensor:
    """The indices of the `nms_pre` priors of each level with the best score of any class (R, C)."""
    inds, start = [], 0
    for level in scores.amax(dim=1).split(list(num_per_level)):  # (R, C) -> (R,) -> L of (R_l,)
        count = min(nms_pre, len(level)) if nms_pre > 0 else len(level)
        inds.append(start + level.topk(count).indices)
        start += len(level)
    return torch.cat(inds)


def vote(bboxes: Tensor, scores: Tensor, labels: Tensor, keep: Tensor) -> Tensor:
    """Each kept box as the mean of the candidates of its class around it, by score and IoU.

    Args:
        bboxes, scores, labels: (m, 4), (m,), (m,) of the candidates.
        keep: (n,), those that NMS has kept.

    Returns:
        (n, 4).
    """
    ious = box_iou(bboxes[keep], bboxes)  # (n, m)
    heard = (ious > _NEAR) & (labels[keep][:, None] == labels)
    weights = (torch.exp(-((1 - ious) ** 2) / _WIDTH) * scores).where(heard, 0)
    return weights @ bboxes / weights.sum(dim=1, keepdim=True)  # (n, m) @ (m, 4) -> (n, 4)
