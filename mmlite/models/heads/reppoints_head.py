"""RepPoints' head (Yang et al. 2019): a box is what nine points span, and the points are learnt.

Deformable convolutions look at a location's first points, move them once more and give the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmlite.models.deform_conv import DeformConv2d
from mmlite.models.heads.dense_head import flatten_levels, num_positives, rare_objects_init
from mmlite.models.heads.point_sets import (
    FreePoints,
    GridPoints,
    box_function,
    scaled_gradient,
    side_of_square,
    square_grid,
)
from mmlite.models.heads.refining_head import RefiningHead
from mmlite.models.layers import Conv2d, conv_tower
from mmlite.ops.priors import AnchorGenerator, stride_of_each
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class RepPointsHead(RefiningHead):
    """Focal loss on scores, a loss on the boxes of the first points and one on those of the last.

    Priors are points, or squares if the first assigner compares boxes (section 4.2).

    Args (others as of RefiningHead):
        in_channels: channels of each level.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        norm_cfg: normalisation in the towers; None for none.
        point_feat_channels: channels of what is seen at the points.
        num_points: of a box; the square of an odd number.
        gradient_mul: share of the gradient that goes from what is seen into the first points.
        point_strides: pixels per cell of each level.
        point_base_scale: strides that a loss of boxes has for its unit, and a square for its side.
        loss_bbox_init, loss_bbox_refine: configs of the losses of the first and the last boxes.
        use_grid_points: the points are a grid in a box, which moves and grows.
        center_init: points start in the middle of a location; else as a grid in the square.
        transform_method: 'minmax' is a box around all points, 'partial_minmax' around the first
            four, 'moment' goes by their mean and standard deviation (section 4.1).
        moment_mul: share of the gradient that goes into the two learnt numbers of 'moment'.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(type='FocalLoss'), loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9)
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('reppoints_cls_out')

    @with_arguments_of(RefiningHead, without=('prior_generator', 'bbox_coder', 'loss_bbox'))
    def __init__(
        self, num_classes: int, in_channels: int, *,
        stacked_convs: int = 4, feat_channels: int = 256, norm_cfg: dict | None = None,
        point_feat_channels: int = 256, num_points: int = 9, gradient_mul: float = 0.1,
        point_strides: Sequence[int] = (8, 16, 32, 64, 128), point_base_scale: float = 4,
        loss_bbox_init: dict | None = None, loss_bbox_refine: dict | None = None,
        use_grid_points: bool = False, center_init: bool = True,
        transform_method: str = 'moment', moment_mul: float = 0.01,
        **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes,
            prior_generator=dict(type='MlvlPointGenerator', strides=point_strides, offset=0),
            bbox_coder=dict(type='DistancePointBBoxCoder'),
            loss_bbox=loss_bbox_refine,
            **others,
        )
        first = loss_bbox_init or dict(self.DEFAULTS['loss_bbox'], loss_weight=0.5)
        self.loss_bbox_init = LOSSES.build(first)
        if self.assigner is not None and not hasattr(self.assigner, 'in_range'):  # compares boxes
            self.prior_generator = AnchorGenerator(point_strides, [1.0], [point_base_scale])
        self.point_base_scale, self.gradient_mul = point_base_scale, gradient_mul
        self.box_of, self.moment_mul = box_function(transform_method), None
        if transform_method == 'moment':
            self.moment_transfer, self.moment_mul = nn.Parameter(torch.zeros(2)), moment_mul
        self.side = side = side_of_square(num_points)
        spread = 0 if center_init and not use_grid_points else point_base_scale / 2
        self.point_set = (GridPoints if use_grid_points else FreePoints)(side, spread)
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        wide, seen = point_feat_channels, dict(kernel_size=side, padding=side // 2, bias=False)
        self.reppoints_cls_conv = DeformConv2d(feat_channels, wide, **seen)
        self.reppoints_cls_out = Conv2d(wide, self.num_outputs, 1)
        self.reppoints_pts_init_conv = Conv2d(feat_channels, wide, 3, padding=1)
        self.reppoints_pts_init_out = Conv2d(wide, self.point_set.num_outputs, 1)
        self.reppoints_pts_refine_conv = DeformConv2d(feat_channels, wide, **seen)
        self.reppoints_pts_refine_out = Conv2d(wide, self.point_set.num_outputs, 1)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_init` and `bbox_pred` (N, R, 4), first and refined.

        Both are distances of the sides in pixels. `unit` (1, R, 1) is that of their losses.
        """
        cls_maps, first_maps, refined_maps = [], [], []
        for feat, (stride, _) in zip(feats, self.prior_generator.strides, strict=True):
            cls_feat, pts_feat = self.cls_convs(feat), self.reg_convs(feat)
            out = self.reppoints_pts_init_out(self.reppoints_pts_init_conv(pts_feat).relu()).float()
            where = self.point_set.moved(self.point_set.start(out), out)
            points = self.point_set.points(where)
            first_maps.append(self.distances(points) * stride)
            grid = square_grid(self.side, self.side // 2, out)
            offset = scaled_gradient(points, self.gradient_mul) - grid  # of each tap, to its point
            seen = self.reppoints_cls_conv(cls_feat, offset).relu()
            cls_maps.append(self.reppoints_cls_out(seen))
            seen = self.reppoints_pts_refine_conv(pts_feat, offset).relu()
            out = self.reppoints_pts_refine_out(seen).float()
            points = self.point_set.points(self.point_set.moved(where.detach(), out))
            refined_maps.append(self.distances(points) * stride)
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=flatten_levels(refined_maps, 4),
            bbox_init=flatten_levels(first_maps, 4),
            unit=stride_of_each(self.prior_generator, cls_maps) * self.point_base_scale,
        )

    def distances(self, points: Tensor) -> Tensor:
        """The box of points (N, 2 * n, H, W): the distances of its sides in cells (N, 4, H, W)."""
        if self.moment_mul is None:
            return self.box_of(points)
        return self.box_of(points, scaled_gradient(self.moment_transfer, self.moment_mul))

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor,
        refined_labels: Tensor, refined_matched: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The loss of the scores, that of the first boxes and that of the refined ones.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels, matched: of the first boxes, see `get_targets`.
            refined_labels, refined_matched: of the refined boxes and the scores.
        """
        num_pos = num_positives(refined_labels > 0)
        first = (outs['bbox_init'], priors, labels, matched)
        refined = (outs['bbox_pred'], priors, refined_labels, refined_matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], refined_labels, num_pos),
            loss_pts_init=self.box_loss(self.loss_bbox_init, outs['unit'], *first),
            loss_pts_refine=self.box_loss(self.loss_bbox, outs['unit'], *refined),
        )
