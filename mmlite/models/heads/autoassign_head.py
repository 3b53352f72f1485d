"""AutoAssign's head (Zhu et al. 2020): FCOS', where every point weighs itself for every box.

R points over all levels, g boxes of an image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.models.heads.center_prior import CenterPrior
from mmlite.models.heads.dense_head import reduce_mean
from mmlite.models.heads.fcos_head import FCOSHead
from mmlite.models.heads.negative_weight import negative_weight
from mmlite.ops.assigners import distances_to_sides
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_LEAST = 1e-12


@HEADS.register_module()
class AutoAssignHead(FCOSHead):
    """Positives and negatives are weighed by what is predicted; there is no assigner.

    Args (others as of FCOSHead):
        pos_loss_weight, neg_loss_weight, center_loss_weight: factors on the three losses.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_bbox=dict(per_box=True, on_decoded=True))
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(type='FocalLoss'), loss_bbox=dict(type='GIoULoss', loss_weight=5.0)
    )
    INIT_CFG: ClassVar[dict] = dict(
        type='Normal',
        layer='Conv2d',
        std=0.01,
        override=[
            dict(type='Normal', name='conv_cls', std=0.01, bias_prob=0.02),
            dict(type='Normal', name='conv_reg', std=0.01, bias=4.0),
        ],
    )

    @with_arguments_of(
        FCOSHead, without=('norm_on_bbox', 'centerness_on_reg', 'conv_bias', 'prior_generator')
    )
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        strides: Sequence[int] = (8, 16, 32, 64, 128),
        pos_loss_weight: float = 0.25,
        neg_loss_weight: float = 0.75,
        center_loss_weight: float = 0.75,
        **others: Any,
    ) -> None:
        super().__init__(
            num_classes,
            in_channels,
            strides=strides,
            norm_on_bbox=True,
            centerness_on_reg=True,
            conv_bias=True,
            prior_generator=dict(type='MlvlPointGenerator', strides=strides, offset=0),
            **others,
        )
        self.center_prior = CenterPrior(num_classes)
        self.weights = (pos_loss_weight, neg_loss_weight, center_loss_weight)

    def loss(
        self,
        feats: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns the losses of positives, negatives and centre priors; arguments of DenseHead."""
        outs, priors, _ = self.forward_with_priors(feats)
        with torch.autocast(feats[0].device.type, enabled=False):
            # class and objectness: (N, R, C) * (N, R, 1) -> (N, R, C)
            scores = self.loss_cls.scores(outs['cls_score']) * self.score_factor(outs)[..., None]
            images = [
                self.image_losses(*image, priors)
                for image in zip(scores, outs['bbox_pred'], gt_bboxes, gt_labels, strict=True)
            ]
            positive, negative, center, share = map(torch.stack, zip(*images, strict=True))
            pos_weight, neg_weight, center_weight = self.weights
            count = reduce_mean(scores.new_tensor(float(sum(map(len, gt_bboxes))))).clamp(min=1)
            return dict(
                loss_pos=pos_weight * positive.sum() / count,
                loss_neg=neg_weight * negative.sum() / reduce_mean(share.sum()).clamp(min=1),
                loss_center=center_weight * center.mean(),
            )

    def image_losses(
        self, scores: Tensor, deltas: Tensor, bboxes: Tensor, labels: Tensor, priors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The three sums of an image, and the sum of its centre priors without gradient.

        Args:
            scores: (R, C).
            deltas, priors: (R, 4).
            bboxes, labels: (g, 4) and (g,) in 1..C.
        """
        points = (priors[:, :2] + priors[:, 2:]) / 2
        decoded = self.bbox_coder.decode(priors, deltas)
        inside = distances_to_sides(points, bboxes)[0] > 0  # (g, R)
        prior = self.center_prior(priors, bboxes, labels).where(inside, 0)  # (g, R)
        positive = self.positive_loss(scores.T[labels - 1], decoded, bboxes, prior)
        negative = self.negative_loss(scores, box_iou(bboxes, decoded.detach()), inside, labels)
        center = len(bboxes) / prior.sum().clamp(min=_LEAST)
        center = center.where(inside.any(), prior.sum() * 0)
        return positive, negative, center, prior.detach().sum()

    def positive_loss(
        self, scores: Tensor, decoded: Tensor, bboxes: Tensor, prior: Tensor
    ) -> Tensor:
        """The points of each box, by confidence and centre prior (equations 6 and 7), summed.

        Args:
            scores, prior: (g, R).
            decoded, bboxes: (R, 4) and (g, 4).
        """
        # every box with every point: (g * R, 4)
        pairs = decoded.repeat(len(bboxes), 1), bboxes.repeat_interleave(len(decoded), dim=0)
        loss = self.loss_bbox.loss_weight * self.loss_bbox.per_box(*pairs).view_as(prior)
        likely = scores * torch.exp(-loss)
        weight = torch.exp(3 * likely) * prior
        weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=_LEAST)
        found = (likely * weight).sum(dim=1)  # (g, R) -> (g,)
        return F.binary_cross_entropy(found, torch.ones_like(found), reduction='sum')

    def negative_loss(self, scores: Tensor, ious: Tensor, inside: Tensor, labels: Tensor) -> Tensor:
        """All points and classes, less where a box may be (equation 9), summed.

        Args:
            scores: (R, C).
            ious, inside: (g, R) of the predicted boxes; of the points.
            labels: (g,) in 1..C.
        """
        wrong = scores * negative_weight(ious, inside, labels, scores.shape[-1])
        cost = F.binary_cross_entropy(wrong, torch.zeros_like(wrong), reduction='none')
        return (wrong**2 * cost).sum()
