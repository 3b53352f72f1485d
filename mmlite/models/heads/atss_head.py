"""ATSS' head (Zhang et al. 2020): one anchor at each location, and how central it is in its box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.models.heads.dense_head import (
    DenseHead,
    flatten_levels,
    num_positives,
    rare_objects_init,
    reduce_mean,
)
from mmlite.models.heads.fcos_head import centerness_target
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.layers import TOWER_NORM, Conv2d, Scale, conv_tower
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class ATSSHead(DenseHead):
    """Focal loss at every anchor, an IoU loss weighed by how central the anchor is in its box.

    The assigner is what the paper is about: `ATSSAssigner`.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        anchor_generator: config of the anchors.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        pred_kernel_size: side of the convolutions that predict.
        norm_cfg: normalisation in the towers; None for none.
        loss_centerness: config of the loss of the centerness.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2)),
        loss_cls=dict(type='FocalLoss'),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('atss_cls')

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        anchor_generator: dict,
        *,
        stacked_convs: int = 4,
        feat_channels: int = 256,
        pred_kernel_size: int = 3,
        norm_cfg: dict | None = TOWER_NORM,
        loss_centerness: dict | None = None,
        **others: Any,
    ) -> None:
        super().__init__(num_classes, prior_generator=anchor_generator, **others)
        self.loss_centerness = LOSSES.build(
            loss_centerness or dict(type='CrossEntropyLoss', use_sigmoid=True)
        )
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        count = anchors_per_location(self)
        last = dict(kernel_size=pred_kernel_size, padding=pred_kernel_size // 2)
        channels = feat_channels if stacked_convs else in_channels
        self.atss_cls = Conv2d(channels, count * self.num_outputs, **last)
        self.atss_reg = Conv2d(channels, count * 4, **last)
        self.atss_centerness = Conv2d(channels, count, **last)
        self.scales = nn.ModuleList(Scale() for _ in self.prior_generator.strides)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_pred` (N, R, 4) and `centerness` logits (N, R)."""
        cls_maps = [self.atss_cls(self.cls_convs(feat)) for feat in feats]
        reg_feats = [self.reg_convs(feat) for feat in feats]
        reg_maps = [
            scale(self.atss_reg(feat)) for scale, feat in zip(self.scales, reg_feats, strict=True)
        ]
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=flatten_levels(reg_maps, 4),
            # L of (N, A, H, W) -> (N, R, 1) -> (N, R)
            centerness=flatten_levels([self.atss_centerness(f) for f in reg_feats], 1)[..., 0],
        )

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """DenseHead's two, the box loss weighed by the centerness, and the centerness' own.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
        """
        pos = labels > 0
        num_pos = num_positives(pos)
        # (R, 4), (N, R, 4) -> (N, R)
        target = centerness_target(priors, matched).where(pos, -1)
        weight = target.clamp(min=0)
        total = reduce_mean(weight.sum()).clamp(min=1)
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, num_pos),
            loss_bbox=self.loss_bbox(*pairs, total, weight.flatten()),
            loss_centerness=self.loss_centerness(outs['centerness'], target, num_pos),
        )

    def score_factor(self, outs: dict[str, Tensor]) -> Tensor:
        """The centerness (N, R) in [0, 1]."""
        return outs['centerness'].sigmoid()
