"""RTMDet's head (Lyu et al. 2022): a score that is also an IoU, and the sides of the box."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.models.heads.dense_head import (
    DenseHead,
    at_least_float32,
    flatten_levels,
    reduce_mean,
)
from mmlite.models.layers import TOWER_NORM, Conv2d, Scale, conv_tower
from mmlite.models.losses import soft_targets
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_RARE = dict(type='Normal', std=0.01, bias_prob=0.01)


@HEADS.register_module()
class RTMDetHead(DenseHead):
    """Quality focal loss on scores, an IoU loss on boxes weighed by the IoU (section 3.3).

    Which priors are for which box, and the IoU that their scores have to reach, come from the
    assigner: `DynamicSoftLabelAssigner`. All levels have the same layers.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        anchor_generator: config of the points, one at each location.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        pred_kernel_size: side of the convolutions that predict.
        norm_cfg, act_cfg: normalisation and activation in the towers; None for none.
        use_depthwise: depthwise separable convolutions in the towers.
        with_objectness: the score is the geometric mean of the class's and the location's own.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_cls=dict(takes_scores=True))
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='QualityFocalLoss'),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    )

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self, num_classes: int, in_channels: int, anchor_generator: dict, *,
        stacked_convs: int = 4, feat_channels: int = 256, pred_kernel_size: int = 3,
        norm_cfg: dict | None = TOWER_NORM,
        act_cfg: dict | None = dict(type='ReLU'),  # noqa: B006
        use_depthwise: bool = False, with_objectness: bool = True, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_classes, prior_generator=anchor_generator, **others)
        args = (in_channels, feat_channels, stacked_convs, norm_cfg)
        tower = partial(conv_tower, *args, act_cfg=act_cfg, use_depthwise=use_depthwise)
        self.cls_convs, self.reg_convs = self.on_levels(tower), self.on_levels(tower)
        channels = feat_channels if stacked_convs else in_channels
        size = dict(kernel_size=pred_kernel_size, padding=pred_kernel_size // 2)
        last = partial(Conv2d, channels, **size)
        self.rtm_cls = self.on_levels(partial(last, self.num_outputs))
        self.rtm_reg = self.on_levels(partial(last, 4))
        rare = [dict(_RARE, name='rtm_cls')]  # see rare_objects_init
        self.with_objectness = with_objectness
        if with_objectness:
            self.rtm_obj = self.on_levels(partial(last, 1))
            rare.append(dict(_RARE, name='rtm_obj'))
        self.init_cfg = self.init_cfg or dict(
            type='Normal', layer='Conv2d', std=0.01, override=rare
        )
        self.add_scales()

    def on_levels(self, make: Callable[[], nn.Module]) -> nn.Module:
        """Returns the layers that `make` builds, for all levels."""
        return make()

    def of_level(self, layers: nn.Module, level: int) -> nn.Module:
        """Returns what `on_levels` built for a level."""
        return layers

    def add_scales(self) -> None:
        self.scales = nn.ModuleList(Scale() for _ in self.prior_generator.strides)

    def distances(self, reg_map: Tensor, level: int) -> Tensor:
        """(N, 4, H, W) -> the same: distances from the points to the sides of the box, strides."""
        return self.scales[level](reg_map.exp())

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4), distances in pixels."""
        cls_maps, reg_maps = [], []
        strides = self.prior_generator.strides
        for level, (feat, (stride, _)) in enumerate(zip(feats, strides, strict=True)):
            reg_feat = self.of_level(self.reg_convs, level)(feat)
            cls_map = self.of_level(self.rtm_cls, level)(self.of_level(self.cls_convs, level)(feat))
            if self.with_objectness:
                cls_map = geometric_mean(cls_map, self.of_level(self.rtm_obj, level)(reg_feat))
            reg_map = at_least_float32(self.of_level(self.rtm_reg, level)(reg_feat))
            cls_maps.append(cls_map)
            reg_maps.append(self.distances(reg_map, level) * stride)
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(reg_maps, 4))

    def loss_terms(
        self,
        outs: dict[str, Tensor],
        priors: Tensor,
        labels: Tensor,
        matched: Tensor,
        quality: Tensor,
    ) -> dict[str, Tensor]:
        """The IoU at the assignment as target of the score, as weight of the box, and as divisor.

        Args:
            outs: of `forward`.
            priors: (R, 4), squares around the points.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
            quality: (N, R) in [0, 1], 0 where there is no box.
        """
        total = reduce_mean(quality.sum()).clamp(min=1)
        targets = soft_targets(labels, quality, self.num_classes)
        pairs = self.bbox_pairs(outs, priors, labels > 0, matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], targets, total),
            loss_bbox=self.loss_bbox(*pairs, total, quality.flatten()),
        )


def geometric_mean(cls_map: Tensor, objectness: Tensor) -> Tensor:
    """Logits (N, K, H, W) and (N, 1, H, W) -> logits of the root of the product of their scores."""
    pair = F.logsigmoid(at_least_float32(cls_map)) + F.logsigmoid(at_least_float32(objectness))
    return torch.logit((pair / 2).exp(), eps=1e-5)
