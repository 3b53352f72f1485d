"""TOOD's head (Feng et al. 2021): one tower, of which each task takes the layers that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch.nn.functional as F
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from mmlite.models.heads import tood_layers
from mmlite.models.heads.dense_head import DenseHead, featmap_sizes, flatten_levels, reduce_mean
from mmlite.models.heads.fcos_head import centerness_target
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.layers import TOWER_NORM, Conv2d, Scale
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

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_cls=dict(takes_scores=True, activated=True))
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
        norm_cfg: dict | None = TOWER_NORM,
        num_dcn: int = 0,
        anchor_type: str = 'anchor_free',
        initial_loss_cls: dict | None = None,
        train_cfg: dict | None = None,
        **others: Any,
    ) -> None:
        train = tood_layers.with_exponents(train_cfg or {})
        super().__init__(num_classes, prior_generator=anchor_generator, train_cfg=train, **others)
        self.anchor_coder = tood_layers.coder_of(anchor_type, self.bbox_coder)
        self.bbox_coder = DecodedBBoxCoder()
        self.initial_epoch = train.get('initial_epoch', 0)
        initial = train.get('initial_assigner') if self.initial_epoch else None
        self.assigners = (TASK_UTILS.build(initial) if initial else self.assigner, self.assigner)
        initial_loss_cls = initial_loss_cls or dict(type='FocalLoss', activated=True)
        self.initial_loss_cls = LOSSES.build(initial_loss_cls)
        self.set_epoch(0)

        count, stacked = anchors_per_location(self), feat_channels * stacked_convs
        layers = (feat_channels, stacked_convs, norm_cfg)
        self.inter_convs = tood_layers.SharedLayers(in_channels, *layers, num_dcn)
        self.cls_decomp = tood_layers.TaskDecomposition(*layers)
        self.reg_decomp = tood_layers.TaskDecomposition(*layers)
        self.tood_cls = Conv2d(feat_channels, count * self.num_outputs, 3, padding=1)
        self.tood_reg = Conv2d(feat_channels, count * 4, 3, padding=1)
        self.cls_prob_module = tood_layers.two_convs(stacked, feat_channels // 4, count)
        self.reg_offset_module = tood_layers.two_convs(stacked, feat_channels // 4, count * 4 * 2)
        self.scales = nn.ModuleList(Scale() for _ in self.prior_generator.strides)

    def init_weights(self) -> None:
        """Has every class start with a low score, in both factors of it."""
        super().init_weights()
        nn.init.constant_(self.cls_prob_module[-1].bias, bias_init_with_prob(0.01))

    def set_epoch(self, epoch: int) -> None:
        """Says how many epochs are done: they decide which assigner is asked."""
        self.assigner = self.assigners[epoch >= self.initial_epoch]

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) probabilities, `bbox_pred` (N, R, 4) boxes in pixels."""
        cls_maps, box_maps = [], []
        priors, num_per_level = self.prior_generator(featmap_sizes(feats), feats[0])
        for level, anchors in enumerate(priors.split(num_per_level)):
            shared = self.inter_convs(feats[level])
            pooled = F.adaptive_avg_pool2d(shared, 1)
            logits = self.tood_cls(self.cls_decomp(shared, pooled))
            cls_maps.append(tood_layers.joint_probability(logits, self.cls_prob_module(shared)))
            sides = self.tood_reg(self.reg_decomp(shared, pooled))
            stride, scale = self.prior_generator.strides[level][0], self.scales[level]
            boxes = tood_layers.boxes_in_strides(scale, sides, anchors, stride, self.anchor_coder)
            offset = self.reg_offset_module(shared).float()
            box_maps.append(tood_layers.moved(boxes, offset) * stride)
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(box_maps, 4))

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor,
        quality: Tensor | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
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
