"""TOOD's head (Feng et al. 2021): one tower, of which each task takes the layers that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import (
    DenseHead,
    featmap_sizes,
    flatten_levels,
    reduce_mean,
)
from mmlite.models.heads.fcos_head import centerness_target
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.heads.tood_layers import TaskDecomposition, sampled_beside, two_convs
from mmlite.models.layers import Conv2d, ConvModule, Scale
from mmlite.models.losses import soft_targets
from mmlite.ops.coders import DecodedBBoxCoder
from mmlite.registry import HEADS, LOSSES, TASK_UTILS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class TOODHead(DenseHead):
    """Scores and boxes from shared layers, aligned by a look at a second place for each side.

    In the first `train_cfg['initial_epoch']` epochs `train_cfg['initial_assigner']` assigns, and
    scores have to be 1; then `train_cfg['assigner']` does, and scores have to reach its quality
    (section 3.2). The training calls `set_epoch`.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        anchor_generator: config of the anchors, one at each location.
        stacked_convs, feat_channels: number and channels of the shared convolutions.
        norm_cfg: normalisation in them; None for none.
        num_dcn: how many of them, from the first on, are deformable.
        anchor_type: 'anchor_free' predicts distances from the point in strides, 'anchor_based'
            deltas of the anchor by `bbox_coder`.
        bbox_coder: config of the coder of 'anchor_based'.
        initial_loss_cls: config of the loss of scores in the first epochs.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2)),
        loss_cls=dict(type='QualityFocalLoss', activated=True),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    )
    INIT_CFG: ClassVar[dict] = dict(
        type='Normal',
        layer='Conv2d',
        std=0.01,
        override=[
            dict(type='Normal', name='tood_cls', std=0.01, bias_prob=0.01),
            dict(type='Normal', name='reg_offset_module', std=0.001),
        ],
    )

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        anchor_generator: dict,
        *,
        stacked_convs: int = 4,
        feat_channels: int = 256,
        norm_cfg: dict | None = dict(type='GN', num_groups=32),  # noqa: B006, never changed
        num_dcn: int = 0,
        anchor_type: str = 'anchor_free',
        initial_loss_cls: dict | None = None,
        train_cfg: dict | None = None,
        **others: Any,
    ) -> None:
        if anchor_type not in ('anchor_free', 'anchor_based'):
            raise ConfigError(
                f"TOODHead: anchor_type is 'anchor_free' or 'anchor_based', found {anchor_type!r}"
            )
        train = _with_exponents(train_cfg or {})
        super().__init__(num_classes, prior_generator=anchor_generator, train_cfg=train, **others)
        self.anchor_coder = self.bbox_coder if anchor_type == 'anchor_based' else None
        self.bbox_coder = DecodedBBoxCoder()
        self.initial_epoch = train.get('initial_epoch', 0)
        initial = train.get('initial_assigner') if self.initial_epoch else None
        self.initial_assigner = TASK_UTILS.build(initial) if initial else self.assigner
        self.aligned_assigner = self.assigner
        self.initial_loss_cls = LOSSES.build(
            initial_loss_cls or dict(type='FocalLoss', activated=True)
        )
        self.set_epoch(0)

        count, stacked = anchors_per_location(self), feat_channels * stacked_convs
        layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        deformable = dict(type='DCNv2', deform_groups=4)
        self.inter_convs = nn.ModuleList(
            ConvModule(*pair, 3, **layers, conv_cfg=deformable if i < num_dcn else None)
            for i, pair in enumerate(pairwise([in_channels, *[feat_channels] * stacked_convs]))
        )
        self.cls_decomp = TaskDecomposition(feat_channels, stacked_convs, norm_cfg)
        self.reg_decomp = TaskDecomposition(feat_channels, stacked_convs, norm_cfg)
        self.tood_cls = Conv2d(feat_channels, count * self.num_outputs, 3, padding=1)
        self.tood_reg = Conv2d(feat_channels, count * 4, 3, padding=1)
        self.cls_prob_module = two_convs(stacked, feat_channels // 4, count)
        self.reg_offset_module = two_convs(stacked, feat_channels // 4, count * 4 * 2)
        self.scales = nn.ModuleList(Scale() for _ in self.prior_generator.strides)

    def init_weights(self) -> None:
        """Has every class start with a low score, in both factors of it."""
        super().init_weights()
        nn.init.constant_(self.cls_prob_module[-1].bias, bias_init_with_prob(0.01))

    def set_epoch(self, epoch: int) -> None:
        """Says how many epochs are done: they decide which assigner is asked."""
        early = epoch < self.initial_epoch
        self.assigner = self.initial_assigner if early else self.aligned_assigner

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) probabilities, `bbox_pred` (N, R, 4) boxes in pixels."""
        cls_maps, box_maps = [], []
        priors, num_per_level = self.prior_generator(featmap_sizes(feats), feats[0])
        for level, (feat, anchors) in enumerate(
            zip(feats, priors.split(num_per_level), strict=True)
        ):
            layers = []
            for conv in self.inter_convs:
                feat = conv(feat)
                layers.append(feat)
            shared = torch.cat(layers, dim=1)  # L of (N, C, H, W) -> (N, L * C, H, W)
            pooled = F.adaptive_avg_pool2d(shared, 1)
            logits = self.tood_cls(self.cls_decomp(shared, pooled))
            both = F.logsigmoid(logits.float()) + F.logsigmoid(self.cls_prob_module(shared).float())
            cls_maps.append((both / 2).exp())  # the geometric mean of two probabilities
            sides = self.tood_reg(self.reg_decomp(shared, pooled))
            boxes = self._boxes(self.scales[level], sides, anchors, level)
            moved = sampled_beside(boxes, self.reg_offset_module(shared).float())
            # where the sides have changed places, the box is not moved
            invalid = (moved[:, :2] > moved[:, 2:]).any(dim=1, keepdim=True)
            box_maps.append(boxes.where(invalid, moved) * self.prior_generator.strides[level][0])
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(box_maps, 4))

    def _boxes(self, scale: Scale, sides: Tensor, anchors: Tensor, level: int) -> Tensor:
        """What the box layer says (N, 4, H, W), as boxes xyxy in strides (N, 4, H, W)."""
        stride, (height, width) = self.prior_generator.strides[level][0], sides.shape[-2:]
        if self.anchor_coder is not None:
            deltas = flatten_levels([scale(sides).float()], 4).flatten(0, 1)  # -> (N * H * W, 4)
            bboxes = self.anchor_coder.decode(anchors.repeat(len(sides), 1), deltas) / stride
            # (N * H * W, 4) -> (N, H, W, 4) -> (N, 4, H, W)
            return bboxes.view(-1, height, width, 4).permute(0, 3, 1, 2)
        sides = scale(sides.exp()).float()
        points = (anchors[:, :2] + anchors[:, 2:]) / 2 / stride
        points = points.T.reshape(1, 2, height, width)  # (H * W, 2) -> (1, 2, H, W)
        return torch.cat([points - sides[:, :2], points + sides[:, 2:]], dim=1)

    def loss_terms(
        self,
        outs: dict[str, Tensor],
        priors: Tensor,
        labels: Tensor,
        matched: Tensor,
        quality: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The scores' loss and the boxes', both over sums of what the positives weigh.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
            quality: (N, R), the score to reach; None in the first epochs.
        """
        pos = labels > 0
        if quality is None:
            score_loss, targets, share = self.initial_loss_cls, labels, pos.float()
            weight = centerness_target(priors, matched).where(pos, 0)
        else:
            targets = soft_targets(labels, quality, self.num_classes)
            score_loss, share, weight = self.loss_cls, quality, quality
        share, total = (reduce_mean(part.sum()).clamp(min=1) for part in (share, weight))
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_cls=score_loss(outs['cls_score'], targets, share),
            loss_bbox=self.loss_bbox(*pairs, total, weight.flatten()),
        )


def _with_exponents(train_cfg: dict) -> dict:
    """mmdet keeps the assigner's alpha and beta beside it."""
    exponents = {key: train_cfg[key] for key in ('alpha', 'beta') if key in train_cfg}
    if not exponents or 'assigner' not in train_cfg:
        return train_cfg
    return dict(train_cfg, assigner=dict(train_cfg['assigner'], **exponents))
