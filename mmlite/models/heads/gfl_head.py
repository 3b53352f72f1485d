"""GFL's head (Li et al. 2020): a score that is also a quality, and sides as distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.models.distribution import Integral
from mmlite.models.heads.dense_head import (
    DenseHead,
    flatten_levels,
    num_positives,
    rare_objects_init,
    reduce_mean,
)
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.layers import TOWER_NORM, Conv2d, Scale, conv_tower
from mmlite.models.losses import soft_targets
from mmlite.ops.boxes import aligned_iou
from mmlite.ops.priors import stride_of_each
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class GFLHead(DenseHead):
    """Quality focal loss on scores, distribution focal loss and an IoU loss on boxes.

    The score of a positive prior has to be the IoU of its box. Each side of a box is a distribution
    over 0, 1, ..., `reg_max` strides.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        anchor_generator: config of the anchors; only their centres count for the boxes.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        norm_cfg: normalisation in the towers; None for none.
        reg_max: largest distance of a side, in strides.
        loss_dfl: config of the loss of the distributions.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(takes_scores=True), loss_bbox=dict(on_decoded=True)
    )
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='QualityFocalLoss'),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('gfl_cls')

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        anchor_generator: dict,
        *,
        stacked_convs: int = 4,
        feat_channels: int = 256,
        norm_cfg: dict | None = TOWER_NORM,
        reg_max: int = 16,
        loss_dfl: dict | None = None,
        **others: Any,
    ) -> None:
        super().__init__(num_classes, prior_generator=anchor_generator, **others)
        self.reg_max = reg_max
        self.integral = Integral(reg_max)
        self.loss_dfl = LOSSES.build(
            loss_dfl or dict(type='DistributionFocalLoss', loss_weight=0.25)
        )
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        channels, count = (
            feat_channels if stacked_convs else in_channels,
            anchors_per_location(self),
        )
        self.gfl_cls = Conv2d(channels, count * self.num_outputs, 3, padding=1)
        self.gfl_reg = Conv2d(channels, count * 4 * (reg_max + 1), 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in self.prior_generator.strides)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_pred` (N, R, 4) in pixels, and what it is made of.

        That is `bbox_dist` (N, R, 4 * (reg_max + 1)), logits of the distributions, and `stride`
        (1, R, 1), the pixels of a step.
        """
        cls_maps = [self.gfl_cls(self.cls_convs(feat)) for feat in feats]
        reg_maps = [
            scale(self.gfl_reg(self.reg_convs(feat)))
            for scale, feat in zip(self.scales, feats, strict=True)
        ]
        # L of (N, A * 4 * (reg_max + 1), H, W) -> (N, R, 4 * (reg_max + 1))
        dist = flatten_levels(reg_maps, 4 * (self.reg_max + 1))
        stride = stride_of_each(self.prior_generator, reg_maps)
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=self.integral(dist) * stride,
            bbox_dist=dist,
            stride=stride,
        )

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """The quality as target of the scores, and boxes weighed by the best score of their prior.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
        """
        pos = labels > 0
        found, wanted = self.bbox_pairs(outs, priors, pos, matched)  # each (N * R, 4)
        # (N * R,) -> (N, R)
        quality = aligned_iou(found.detach(), wanted).view_as(labels).where(pos, 0)
        targets = soft_targets(labels, quality, self.num_classes)
        # (N, R, C) -> (N, R)
        weight = self.loss_cls.scores(outs['cls_score'].detach()).amax(dim=-1).where(pos, 0)
        total = reduce_mean(weight.sum()).clamp(min=1)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], targets, num_positives(pos)),
            loss_bbox=self.loss_bbox(found, wanted, total, weight.flatten()),
            loss_dfl=self.loss_dfl(
                outs['bbox_dist'].reshape(-1, self.reg_max + 1),  # (N, R, 4 * n) -> (N * R * 4, n)
                self.steps(priors, wanted, outs['stride']).flatten(),
                4 * total,
                weight.flatten().repeat_interleave(4),  # (N, R) -> (N * R * 4,)
            ),
        )

    def steps(self, priors: Tensor, bboxes: Tensor, stride: Tensor) -> Tensor:
        """The sides of `bboxes` (N * R, 4) seen from the priors (R, 4), in strides, (N, R, 4)."""
        count = len(bboxes) // len(priors)
        sides = self.bbox_coder.encode(priors.repeat(count, 1), bboxes)
        # (N * R, 4) -> (N, R, 4); below reg_max, so that there is a whole number above
        return (sides.view(count, -1, 4) / stride).clamp(0, self.reg_max - 0.1)
