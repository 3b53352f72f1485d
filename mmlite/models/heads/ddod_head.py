"""DDOD's head (Chen et al. 2021): scores and boxes have assigners and places of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import (
    DenseHead,
    flatten_levels,
    num_positives,
    rare_objects_init,
)
from mmlite.models.heads.fitting import check_assigner
from mmlite.models.heads.level_weights import LevelWeights
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.layers import TOWER_NORM, Conv2d, ConvModule, Scale, conv_tower
from mmlite.ops.boxes import aligned_iou
from mmlite.registry import HEADS, LOSSES, TASK_UTILS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class DDODHead(DenseHead):
    """Focal loss on scores, an IoU loss on boxes, and the IoU that a box will have.

    Levels with few positives, of both assigners together, count up to twice (section 3.4).

    Args (others as of DenseHead):
        in_channels: channels of each level.
        anchor_generator: config of the anchors.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        norm_cfg: normalisation in the towers; None for none.
        use_dcn: the first convolution of each tower is deformable.
        loss_iou: config of the loss of the IoU.

    Raises:
        ConfigError: `train_cfg` has an `assigner` of the scores and no `reg_assigner` of the boxes.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(weighs_priors=True), loss_bbox=dict(on_decoded=True)
    )
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2)),
        loss_cls=dict(type='FocalLoss'),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('atss_cls')

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self, num_classes: int, in_channels: int, anchor_generator: dict, *,
        stacked_convs: int = 4, feat_channels: int = 256,
        norm_cfg: dict | None = TOWER_NORM,
        use_dcn: bool = True, loss_iou: dict | None = None, train_cfg: dict | None = None,
        **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, prior_generator=anchor_generator, train_cfg=train_cfg, **others
        )
        self.loss_iou = LOSSES.build(loss_iou or dict(type='CrossEntropyLoss', use_sigmoid=True))
        if self.assigner is not None and 'reg_assigner' not in train_cfg:
            raise ConfigError("model.train_cfg: DDODHead needs the key 'reg_assigner'")
        self.assigners = [self.assigner]
        if self.assigner is not None:
            self.assigners.append(TASK_UTILS.build(train_cfg['reg_assigner']))
            check_assigner(self, self.assigners[1], 'reg_assigner')
        first = dict(type='DCN', deform_groups=1) if use_dcn else None
        layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        self.cls_convs, self.reg_convs = (
            nn.Sequential(
                ConvModule(in_channels, feat_channels, 3, **layers, conv_cfg=first),
                *conv_tower(feat_channels, feat_channels, stacked_convs - 1, norm_cfg),
            )
            for _ in range(2)
        )
        count = anchors_per_location(self)
        self.atss_cls = Conv2d(feat_channels, count * self.num_outputs, 3, padding=1)
        self.atss_reg = Conv2d(feat_channels, count * 4, 3, padding=1)
        self.atss_iou = Conv2d(feat_channels, count, 3, padding=1)
        self.scales = nn.ModuleList(Scale() for _ in self.prior_generator.strides)
        self.level_weights = LevelWeights(self.prior_generator.num_levels)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_pred` (N, R, 4) and `iou` logits (N, R)."""
        cls_maps = [self.atss_cls(self.cls_convs(feat)) for feat in feats]
        reg_feats = [self.reg_convs(feat) for feat in feats]
        reg_maps = [
            scale(self.atss_reg(feat)) for scale, feat in zip(self.scales, reg_feats, strict=True)
        ]
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=flatten_levels(reg_maps, 4),
            # L of (N, A, H, W) -> (N, R, 1) -> (N, R)
            iou=flatten_levels([self.atss_iou(feat) for feat in reg_feats], 1)[..., 0],
        )

    def asks_predictions(self) -> bool:
        """Whether one of the assigners compares what is predicted."""
        return any(getattr(assigner, 'needs_predictions', False) for assigner in self.assigners)

    def get_targets(self, priors: Tensor, num_per_level: list[int], *others: Any) -> tuple:
        """Returns label, box and weight of each prior, (N, R), (N, R, 4) and (R,), for each task.

        Arguments are those of DenseHead.
        """
        targets = []
        for assigner in self.assigners:
            self.assigner = assigner
            labels, matched = super().get_targets(priors, num_per_level, *others)
            targets += [labels, matched, self.level_weights(labels > 0, num_per_level)]
        self.assigner = self.assigners[0]
        return tuple(targets)

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor,
        weight: Tensor, box_labels: Tensor, box_matched: Tensor, box_weight: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """The loss of the scores by one assigner, those of boxes and IoU by the other.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels, matched, weight: of the scores, see `get_targets`.
            box_labels, box_matched, box_weight: of the boxes.
        """
        pos = box_labels > 0
        found, wanted = self.bbox_pairs(outs, priors, pos, box_matched)
        # (N * R,) -> (N, R)
        iou = aligned_iou(found.detach(), wanted).view_as(box_labels).where(pos, -1)
        total, num_pos = num_positives(labels > 0), num_positives(pos)
        weights = box_weight * pos  # (R,) * (N, R) -> (N, R)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, total, weight.expand_as(labels)),
            loss_bbox=self.loss_bbox(found, wanted, num_pos, weights.flatten()),
            loss_iou=self.loss_iou(outs['iou'], iou, num_pos, weights),
        )

    def score_factor(self, outs: dict[str, Tensor]) -> Tensor:
        """The IoU that is expected of the box (N, R)."""
        return outs['iou'].sigmoid()
