"""VFNet's head (Zhang et al. 2021): scores that are IoUs, and boxes refined at nine points.

The first box of a point says where a deformable convolution looks: at the point, at the corners and
in the middle of the sides. What it sees there refines the box and gives the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.models.deform_conv import DeformConv2d
from mmlite.models.heads.dense_head import DenseHead, flatten_levels, rare_objects_init, reduce_mean
from mmlite.models.heads.star_offset import star_offset
from mmlite.models.layers import TOWER_NORM, Conv2d, ConvModule, Scale, conv_tower
from mmlite.models.losses import soft_targets
from mmlite.ops.boxes import aligned_iou
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class VFNetHead(DenseHead):
    """Varifocal loss on scores, an IoU loss on the first and on the refined box of each point.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        strides: pixels per cell of each level.
        regress_ranges: per level two sides in pixels; the second is the unit of its distances.
        norm_cfg: normalisation in the towers; None for none.
        dcn_on_last_conv: the last convolution of each tower is deformable.
        anchor_generator: config of the anchors that are assigned; the paper's if left out.
        loss_bbox_refine: config of the loss of the refined boxes.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(takes_scores=True), loss_bbox=dict(on_decoded=True)
    )
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='VarifocalLoss'),
        loss_bbox=dict(type='GIoULoss', loss_weight=1.5),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('vfnet_cls')

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        stacked_convs: int = 4,
        feat_channels: int = 256,
        strides: Sequence[int] = (8, 16, 32, 64, 128),
        regress_ranges: Sequence = ((-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8)),
        norm_cfg: dict | None = TOWER_NORM,
        dcn_on_last_conv: bool = False,
        anchor_generator: dict | None = None,
        loss_bbox_refine: dict | None = None,
        **others: Any,
    ) -> None:
        squares = dict(octave_base_scale=8, scales_per_octave=1, ratios=[1.0], strides=strides)
        super().__init__(
            num_classes,
            prior_generator=anchor_generator or dict(type='AnchorGenerator', **squares),
            **others,
        )
        self.loss_bbox_refine = LOSSES.build(
            loss_bbox_refine or dict(type='GIoULoss', loss_weight=2.0)
        )
        # pixels of a distance of 1 in each level; the last range has no end
        self.units = [high for _, high in regress_ranges[:-1]]
        self.units.append(self.units[-1] * 2)
        last = dict(type='DCNv2') if dcn_on_last_conv else None
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg, None, last)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        self.vfnet_reg_conv = ConvModule(feat_channels, feat_channels, 3, **layers)
        self.vfnet_reg = Conv2d(feat_channels, 4, 3, padding=1)
        where = (feat_channels, feat_channels, 3)
        self.vfnet_reg_refine_dconv = DeformConv2d(*where, padding=1, bias=False)
        self.vfnet_reg_refine = Conv2d(feat_channels, 4, 3, padding=1)
        self.vfnet_cls_dconv = DeformConv2d(*where, padding=1, bias=False)
        self.vfnet_cls = Conv2d(feat_channels, self.num_outputs, 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in strides)
        self.scales_refine = nn.ModuleList(Scale() for _ in strides)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_pred` and `bbox_first` (N, R, 4), refined and not.

        Both are distances of the sides in pixels.
        """
        cls_maps, first_maps, reg_maps = [], [], []
        for level, feat in enumerate(feats):
            cls_feat, reg_feat = self.cls_convs(feat), self.reg_convs(feat)
            sides = self.vfnet_reg(self.vfnet_reg_conv(reg_feat))
            first = self.scales[level](sides).float().exp() * self.units[level]  # (N, 4, H, W)
            stride = self.prior_generator.strides[level][0]
            offset = star_offset(first, stride).to(reg_feat.dtype)
            reg_feat = self.vfnet_reg_refine_dconv(reg_feat, offset).relu()
            factor = self.scales_refine[level](self.vfnet_reg_refine(reg_feat)).float().exp()
            cls_maps.append(self.vfnet_cls(self.vfnet_cls_dconv(cls_feat, offset).relu()))
            first_maps.append(first)
            reg_maps.append(factor * first.detach())
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=flatten_levels(reg_maps, 4),
            bbox_first=flatten_levels(first_maps, 4),
        )

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """Scores have to reach the IoU of the refined box; boxes are weighed by their IoU.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
        """
        pos = labels > 0
        refined, wanted = self.bbox_pairs(outs, priors, pos, matched)  # each (N * R, 4)
        outs_first = dict(outs, bbox_pred=outs['bbox_first'])
        first, _ = self.bbox_pairs(outs_first, priors, pos, matched)
        iou, first_iou = (self._iou(bboxes, wanted, pos) for bboxes in (refined, first))
        # as in mmdet, what an assigner ignores is background
        targets = soft_targets(labels.clamp(min=0), iou, self.num_classes)
        num_pos = reduce_mean(pos.sum().float()).clamp(min=1)
        total, first_total = (reduce_mean(x.sum()).clamp(min=1) for x in (iou, first_iou))
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], targets, num_pos),
            loss_bbox=self.loss_bbox(first, wanted, first_total, first_iou.flatten()),
            loss_bbox_rf=self.loss_bbox_refine(refined, wanted, total, iou.flatten()),
        )

    @staticmethod
    def _iou(found: Tensor, wanted: Tensor, pos: Tensor) -> Tensor:
        """The IoU of each positive (N * R, 4) with its box, at least 1e-6; 0 elsewhere: (N, R)."""
        return aligned_iou(found.detach(), wanted).clamp(min=1e-6).view_as(pos).where(pos, 0)
