"""FoveaBox' head (Kong et al. 2020): a class and a box at every cell near the middle of a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.models.base_module import BaseModule
from mmlite.models.deform_conv import DeformConv2d
from mmlite.models.heads.dense_head import DenseHead, flatten_levels, rare_objects_init, reduce_mean
from mmlite.models.layers import Conv2d, ConvModule, conv_tower
from mmlite.ops.fovea_assigner import FoveaAssigner
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class FoveaHead(DenseHead):
    """Focal loss at every cell, smooth L1 on the logarithms of the distances to the sides.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        strides: pixels per cell of each level.
        base_edge_list: per level the unit of a distance in pixels.
        scale_ranges, sigma: see `FoveaAssigner`.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        norm_cfg: normalisation in the towers; None for none.
        with_deform: the predicted box says where the classifier looks (section 3.5).
        deform_groups: groups of channels that look at places of their own.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(type='FocalLoss'), loss_bbox=dict(type='SmoothL1Loss', beta=0.11)
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('conv_cls')

    @with_arguments_of(DenseHead, without=('prior_generator', 'bbox_coder'))
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        strides: Sequence[int] = (8, 16, 32, 64, 128),
        base_edge_list: Sequence[int] = (16, 32, 64, 128, 256),
        scale_ranges: Sequence = ((8, 32), (16, 64), (32, 128), (64, 256), (128, 512)),
        sigma: float = 0.4,
        stacked_convs: int = 4,
        feat_channels: int = 256,
        norm_cfg: dict | None = None,
        with_deform: bool = False,
        deform_groups: int = 4,
        **others: Any,
    ) -> None:
        # a prior is a square of side = the unit, around the middle of the cell
        squares = dict(ratios=[1.0], scales=[1], base_sizes=base_edge_list)
        centers = [(stride / 2, stride / 2) for stride in strides]
        super().__init__(
            num_classes,
            prior_generator=dict(
                type='AnchorGenerator', strides=strides, centers=centers, **squares
            ),
            bbox_coder=dict(type='FoveaBBoxCoder'),
            **others,
        )
        self.assigner = FoveaAssigner(strides, scale_ranges, sigma)
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg)
        self.reg_convs, wide = conv_tower(*tower), feat_channels
        self.feature_adaption = None
        if with_deform:
            wide, layers = feat_channels * 4, dict(norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
            self.feature_adaption = FeatureAlign(in_channels, feat_channels, deform_groups)
            self.cls_convs = nn.Sequential(
                ConvModule(feat_channels, wide, 3, padding=1, **layers),
                ConvModule(wide, wide, 1, **layers),
            )
        else:
            self.cls_convs = conv_tower(*tower)
        self.conv_cls = Conv2d(wide, self.num_outputs, 3, padding=1)
        self.conv_reg = Conv2d(feat_channels, 4, 3, padding=1)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4)."""
        reg_maps = [self.conv_reg(self.reg_convs(feat)) for feat in feats]
        if self.feature_adaption is not None:
            feats = [
                self.feature_adaption(feat, sides.exp())
                for feat, sides in zip(feats, reg_maps, strict=True)
            ]
        cls_maps = [self.conv_cls(self.cls_convs(feat)) for feat in feats]
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(reg_maps, 4))

    def priors_inside(self, feats: Sequence[Tensor], img_meta: dict) -> None:
        """Returns None, all: cells in the padding are background, as in mmdet."""

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """DenseHead's two; the scores' is divided by the positives and one for each image.

        Args:
            outs: of `forward`.
            priors: (R, 4), squares around the middle of the cells.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each cell has to find, input pixels.
        """
        pos = labels > 0
        num_pos = reduce_mean(pos.sum().float())
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, num_pos + len(labels)),
            loss_bbox=self.loss_bbox(*pairs, num_pos.clamp(min=1), pos.flatten()),
        )


class FeatureAlign(BaseModule):
    """Features from where the predicted box says (section 3.5).

    Args:
        in_channels, out_channels: of the map.
        deform_groups: groups of channels that look at places of their own.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Normal', layer='Conv2d', std=0.1)

    def __init__(self, in_channels: int, out_channels: int, deform_groups: int) -> None:
        super().__init__(self.INIT_CFG)
        self.conv_offset = Conv2d(4, deform_groups * 9 * 2, 1, bias=False)
        self.conv_adaption = DeformConv2d(in_channels, out_channels, 3, padding=1, bias=False)
        nn.init.normal_(self.conv_adaption.weight, std=0.01)

    def forward(self, feat: Tensor, sides: Tensor) -> Tensor:
        """(N, C, H, W) and distances of the sides (N, 4, H, W) -> (N, C, H, W)."""
        return self.conv_adaption(feat, self.conv_offset(sides)).relu()
