"""CenterNet's head on a pyramid (Zhou et al. 2021, section 4): heat maps and boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmlite.models.heads.dense_head import (
    DenseHead,
    at_least_float32,
    flatten_levels,
    rare_objects_init,
    reduce_mean,
)
from mmlite.models.layers import TOWER_NORM, Conv2d, Scale, conv_tower
from mmlite.ops.assignment import Predictions
from mmlite.ops.centernet_assigner import CenterNetAssigner
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_LEAST = 1e-4  # of a score in the loss, and 1 - this the most
_INF = 1e8


@HEADS.register_module()
class CenterNetUpdateHead(DenseHead):
    """Focal loss towards a heat map over all levels, an IoU loss on the boxes; no centerness.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        strides: pixels per cell of each level.
        regress_ranges, hm_min_radius, hm_min_overlap, more_pos_thresh, more_pos_topk: see
            `CenterNetAssigner`.
        soft_weight_on_reg: a box counts as much as the heat map shows at its point; else 1.
        conv_bias: bias in the towers; 'auto' where there is no normalisation.
        norm_cfg: normalisation in the towers; None for none.
        dcn_on_last_conv: the last convolution of each tower is deformable.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(activated=True, with_peaks=True),
        loss_bbox=dict(per_box=True, on_decoded=True),
    )
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='GaussianFocalLoss', pos_weight=0.25, neg_weight=0.75),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('conv_cls')

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self, num_classes: int, in_channels: int, *, stacked_convs: int = 4,
        feat_channels: int = 256, strides: Sequence[int] = (4, 8, 16, 32, 64),
        regress_ranges: Sequence = ((0, 80), (64, 160), (128, 320), (256, 640), (512, _INF)),
        hm_min_radius: int = 4, hm_min_overlap: float = 0.8, more_pos_thresh: float = 0.2,
        more_pos_topk: int = 9, soft_weight_on_reg: bool = False,
        conv_bias: bool | str = 'auto', norm_cfg: dict | None = TOWER_NORM,
        dcn_on_last_conv: bool = False, bbox_coder: dict | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes,
            prior_generator=dict(type='MlvlPointGenerator', strides=strides),
            bbox_coder=dict(self._given('bbox_coder', bbox_coder), norm_on_bbox=True),
            **others,
        )
        self.assigner = CenterNetAssigner(
            regress_ranges, self.loss_bbox.per_box,
            hm_min_radius, hm_min_overlap, more_pos_thresh, more_pos_topk,
        )  # fmt: skip
        self.soft_weight_on_reg = soft_weight_on_reg
        bias = None if conv_bias == 'auto' else conv_bias
        last = dict(type='DCNv2') if dcn_on_last_conv else None
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg, bias, last)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        channels = feat_channels if stacked_convs else in_channels
        self.conv_cls = Conv2d(channels, self.num_outputs, 3, padding=1)
        self.conv_reg = Conv2d(channels, 4, 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in strides)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, C), probabilities, and `bbox_pred` (N, R, 4) in strides."""
        cls_maps = [self.conv_cls(self.cls_convs(feat)) for feat in feats]
        reg_maps = [
            scale(self.conv_reg(self.reg_convs(feat)))
            for feat, scale in zip(feats, self.scales, strict=True)
        ]
        return dict(
            cls_score=at_least_float32(self.flatten_scores(cls_maps)).sigmoid(),
            bbox_pred=flatten_levels(reg_maps, 4),
        )

    def priors_inside(self, feats: Sequence[Tensor], img_meta: dict) -> None:
        """Returns None, all: points in the padding are background, as in mmdet."""

    @torch.no_grad()
    def get_targets(
        self, priors: Tensor, num_per_level: list[int], feats: Sequence[Tensor],
        img_metas: list[dict], gt_bboxes: list[Tensor], gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None, predictions: Predictions | None = None,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Labels and boxes as in DenseHead, the heat map, and how often an entry is an object.

        The last two are (N, R, C). An image without boxes has a heat map of 0; mmdet fills it with
        the number of classes, with which the loss is of the order of 10^8.
        """
        truth = (gt_bboxes, gt_labels, gt_bboxes_ignore)
        assigned = self.assign(priors, num_per_level, feats, img_metas, *truth, predictions)
        heat, peaks = [], []
        for found, bboxes, labels in zip(assigned, gt_bboxes, gt_labels, strict=True):
            heat.append(self.assigner.heat_map(priors, bboxes, labels, self.num_classes))
            prior, box = found.pairs.T
            one = torch.ones_like(prior, dtype=priors.dtype)
            entry = (prior, labels[box] - 1)
            peaks.append(torch.zeros_like(heat[-1]).index_put(entry, one, accumulate=True))
        labels, matched = self.gather_targets(assigned, gt_bboxes, gt_labels)
        return labels, matched, torch.stack(heat), torch.stack(peaks)

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor,
        heat: Tensor, peaks: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The loss of the heat map, divided by its objects, and that of the boxes.

        Args:
            outs: of `forward`.
            priors: (R, 4), squares around the points.
            labels, matched, heat, peaks: of `get_targets`.
        """
        pos = labels > 0
        scores = outs['cls_score'].clamp(_LEAST, 1 - _LEAST)
        loss_cls = self.loss_cls.with_peaks(scores, heat, peaks).sum() * self.loss_cls.loss_weight
        weight = heat.amax(dim=2).where(pos, 0) if self.soft_weight_on_reg else pos.float()
        total = reduce_mean(weight.sum()).clamp(min=1)
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_cls=loss_cls / reduce_mean(peaks.sum()).clamp(min=1),
            loss_bbox=self.loss_bbox(*pairs, total, weight.flatten()),
        )
