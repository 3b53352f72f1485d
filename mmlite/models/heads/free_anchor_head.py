"""FreeAnchor's head (Zhang et al. 2019): RetinaNet's, where anchors are not assigned but likely.

g boxes of an image, b anchors in the bag of a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.models.heads.retina_head import RetinaHead
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_LEAST = 1e-12


@HEADS.register_module()
class FreeAnchorRetinaHead(RetinaHead):
    """Of the anchors in the bag of a box some have to find it; all others are background.

    How far an anchor is background depends on how well its own box overlaps an object. There is no
    assigner: that of `train_cfg` is not asked, as in mmdet.

    Args (others as of RetinaHead):
        pre_anchor_topk: anchors in the bag of each box, those that overlap it most.
        bbox_thr: IoU from which an anchor's box begins to be that object.
        gamma: how much background that is found already counts less.
        alpha: share of the positives in the loss.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_bbox=dict(per_box=True, on_decoded=False))

    @with_arguments_of(RetinaHead)
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        pre_anchor_topk: int = 50,
        bbox_thr: float = 0.6,
        gamma: float = 2.0,
        alpha: float = 0.5,
        **others: Any,
    ) -> None:
        super().__init__(num_classes, in_channels, **others)
        self.pre_anchor_topk = pre_anchor_topk
        self.bbox_thr = bbox_thr
        self.gamma = gamma
        self.alpha = alpha

    def loss(
        self,
        feats: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns both losses (equations 10 and 11); arguments of DenseHead.loss."""
        outs, priors, _ = self.forward_with_priors(feats)
        with torch.autocast(feats[0].device.type, enabled=False):
            probs = self.loss_cls.scores(outs['cls_score'])  # (N, R, C)
            bags, background = [], []
            for prob, deltas, bboxes, labels in zip(
                probs, outs['bbox_pred'], gt_bboxes, gt_labels, strict=True
            ):
                bags.append(self.bag_probability(prob, deltas, priors, bboxes, labels))
                of_object = self.object_probability(deltas.detach(), priors, bboxes, labels)
                background.append(prob * (1 - of_object))
            # as in mmdet, the log of a probability is at least -100
            found = -torch.cat(bags).log().clamp(min=-100)
            wrong = torch.stack(background).clamp(_LEAST, 1 - _LEAST)  # (N, R, C)
            missed = -wrong.pow(self.gamma) * (1 - wrong).log().clamp(min=-100)
            count = len(found)
            return dict(
                positive_bag_loss=self.alpha * found.sum() / max(count, 1),
                negative_bag_loss=(1 - self.alpha)
                * missed.sum()
                / max(count * self.pre_anchor_topk, 1),
            )

    def bag_probability(
        self, prob: Tensor, deltas: Tensor, priors: Tensor, bboxes: Tensor, labels: Tensor
    ) -> Tensor:
        """How likely the anchors of each box find it (g,), the best of them count most (eq. 8).

        Args:
            prob: (R, C) class probabilities.
            deltas, priors: (R, 4).
            bboxes, labels: (g, 4) and (g,) in 1..C.
        """
        count = min(self.pre_anchor_topk, len(priors))
        bag = box_iou(bboxes, priors).topk(count, dim=1, sorted=False).indices  # (g, R) -> (g, b)
        right_class = prob[bag, labels[:, None] - 1]  # (R, C) -> (g, b)
        anchors = priors[bag].flatten(0, 1)  # (g, b, 4) -> (g * b, 4)
        wanted = self.bbox_coder.encode(anchors, bboxes.repeat_interleave(count, dim=0))
        loss = self.loss_bbox.per_box(deltas[bag].flatten(0, 1), wanted)  # (g * b,)
        right_box = torch.exp(-self.loss_bbox.loss_weight * loss).view_as(bag)
        both = right_class * right_box
        weight = 1 / (1 - both).clamp(min=_LEAST)
        return (weight * both).sum(dim=1) / weight.sum(dim=1)  # (g, b) -> (g,)

    @torch.no_grad()
    def object_probability(
        self, deltas: Tensor, priors: Tensor, bboxes: Tensor, labels: Tensor
    ) -> Tensor:
        """How likely each anchor's box is an object of each class (R, C), by its IoU (eq. 9)."""
        likely = deltas.new_zeros(self.num_classes, len(priors))
        if len(bboxes):
            ious = box_iou(bboxes, self.bbox_coder.decode(priors, deltas))  # (g, R)
            best = ious.amax(dim=1, keepdim=True).clamp(min=self.bbox_thr + _LEAST)  # (g, 1)
            of_box = ((ious - self.bbox_thr) / (best - self.bbox_thr)).clamp(0, 1)
            classes = (labels - 1)[:, None].expand_as(of_box)  # (g,) -> (g, R)
            likely = likely.scatter_reduce(0, classes, of_box, 'amax')
        return likely.T
