"""FCOS' head (Tian et al. 2019): a class, a box and a centerness at every point, no anchors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, flatten_levels, rare_objects_init, reduce_mean
from mmlite.models.layers import TOWER_NORM, Conv2d, Scale, conv_tower
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of

_INF = 1e8


@HEADS.register_module()
class FCOSHead(DenseHead):
    """Sigmoid focal loss at every point, an IoU loss on the boxes, and how central the point is.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        strides: pixels per cell of each level.
        regress_ranges, center_sampling, center_sample_radius: of the FCOSAssigner, which
            `train_cfg['assigner']` may replace.
        norm_on_bbox: distances in strides instead of logarithms of pixels, see the coder.
        centerness_on_reg: centerness from the box tower instead of the class tower.
        conv_bias: bias in the towers; 'auto' where there is no normalisation.
        norm_cfg: normalisation in the towers; None for none.
        dcn_on_last_conv: the last convolution of each tower is deformable.
        prior_generator: config of the points; those of `strides` if left out.
        bbox_coder: config of the coder, which also gets `norm_on_bbox`.
        loss_centerness: config of the loss of the centerness.

    Raises:
        ConfigError: a MaxIoUAssigner, which old configs carry and mmdet ignores.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(type='FocalLoss'), loss_bbox=dict(type='IoULoss')
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('conv_cls')

    @with_arguments_of(DenseHead)
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        stacked_convs: int = 4,
        feat_channels: int = 256,
        strides: Sequence[int] = (4, 8, 16, 32, 64),
        regress_ranges: Sequence = ((-1, 64), (64, 128), (128, 256), (256, 512), (512, _INF)),
        center_sampling: bool = False,
        center_sample_radius: float = 1.5,
        norm_on_bbox: bool = False,
        centerness_on_reg: bool = False,
        conv_bias: bool | str = 'auto',
        norm_cfg: dict | None = TOWER_NORM,
        dcn_on_last_conv: bool = False,
        prior_generator: dict | None = None,
        bbox_coder: dict | None = None,
        loss_centerness: dict | None = None,
        train_cfg: dict | None = None,
        **others: Any,
    ) -> None:
        if str((train_cfg or {}).get('assigner', {}).get('type')).endswith('MaxIoUAssigner'):
            raise ConfigError(
                'model.train_cfg.assigner: FCOS assigns by points, not by IoU, and mmdet never '
                'read this key for it: leave it out'
            )
        assigner = dict(
            type='FCOSAssigner',
            regress_ranges=regress_ranges,
            center_sampling=center_sampling,
            center_sample_radius=center_sample_radius,
        )
        super().__init__(
            num_classes,
            prior_generator=prior_generator or dict(type='MlvlPointGenerator', strides=strides),
            bbox_coder=dict(
                bbox_coder or dict(type='DistancePointBBoxCoder'), norm_on_bbox=norm_on_bbox
            ),
            train_cfg=dict(assigner=assigner) | (train_cfg or {}),
            **others,
        )
        self.loss_centerness = LOSSES.build(
            loss_centerness or dict(type='CrossEntropyLoss', use_sigmoid=True)
        )
        bias = None if conv_bias == 'auto' else conv_bias
        last = dict(type='DCNv2') if dcn_on_last_conv else None
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg, bias, last)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        channels = feat_channels if stacked_convs else in_channels
        self.conv_cls = Conv2d(channels, self.num_outputs, 3, padding=1)
        self.conv_reg = Conv2d(channels, 4, 3, padding=1)
        self.conv_centerness = Conv2d(channels, 1, 3, padding=1)
        self.centerness_on_reg = centerness_on_reg
        self.scales = nn.ModuleList(Scale() for _ in strides)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_pred` (N, R, 4) and `centerness` logits (N, R)."""
        cls_maps, reg_maps, centerness_maps = [], [], []
        for feat, scale in zip(feats, self.scales, strict=True):
            cls_feat, reg_feat = self.cls_convs(feat), self.reg_convs(feat)
            cls_maps.append(self.conv_cls(cls_feat))
            reg_maps.append(scale(self.conv_reg(reg_feat)))
            centerness_feat = reg_feat if self.centerness_on_reg else cls_feat
            centerness_maps.append(self.conv_centerness(centerness_feat))
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=flatten_levels(reg_maps, 4),
            # L of (N, 1, H, W) -> (N, R, 1) -> (N, R)
            centerness=flatten_levels(centerness_maps, 1)[..., 0],
        )

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """DenseHead's two, the box loss weighed by the centerness, and the centerness' own.

        Args:
            outs: of `forward`.
            priors: (R, 4), squares around the points.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each point has to find, input pixels.
        """
        pos = labels > 0
        num_pos = reduce_mean(pos.sum().float()).clamp(min=1)
        # (R, 4), (N, R, 4) -> (N, R)
        target = centerness_target(priors, matched).where(pos, -1)
        weight = target.clamp(min=0)  # (N, R)
        total = reduce_mean(weight.sum()).clamp(min=1e-6)
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, num_pos),
            loss_bbox=self.loss_bbox(*pairs, total, weight.flatten()),
            loss_centerness=self.loss_centerness(outs['centerness'], target, num_pos),
        )

    def priors_inside(self, feats: Sequence[Tensor], img_meta: dict) -> None:
        """Returns None, all: points in the padding are background, as in mmdet's FCOS."""

    def score_factor(self, outs: dict[str, Tensor]) -> Tensor:
        """The centerness (N, R) in [0, 1]."""
        return outs['centerness'].sigmoid()


def centerness_target(priors: Tensor, bboxes: Tensor) -> Tensor:
    """1 in the middle of the box, 0 at its sides (equation 3): (..., 4), (..., 4) -> (...)."""
    points = (priors[..., :2] + priors[..., 2:]) / 2  # (..., 2)
    first = points - bboxes[..., :2]  # left and top
    second = bboxes[..., 2:] - points  # right and bottom
    ratios = torch.minimum(first, second) / torch.maximum(first, second)
    # (..., 2) -> (...)
    return ratios.prod(dim=-1).sqrt()
