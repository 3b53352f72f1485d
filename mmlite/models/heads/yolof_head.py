"""YOLOF's head (Chen et al. 2021): one level, five anchors at each location, and an objectness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmlite.models.heads.dense_head import (
    DenseHead,
    flatten_levels,
    num_positives,
    rare_objects_init,
)
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.layers import Conv2d, conv_tower
from mmlite.ops.assignment import Assignment
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_LARGEST = 1e8  # of an exponential, so that it stays finite


@HEADS.register_module()
class YOLOFHead(DenseHead):
    """Focal loss on scores that an objectness has part in, an IoU loss on boxes.

    The assigner is the paper's: `UniformAssigner`.

    Args (others as of DenseHead):
        in_channels: channels of the level.
        anchor_generator: config of the anchors.
        num_cls_convs, num_reg_convs: number of convolutions in each tower.
        norm_cfg: normalisation in the towers; None for none.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_bbox=dict(on_decoded=True))
    NEEDS_PAIRS: ClassVar[bool] = True
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', add_ctr_clamp=True, ctr_clamp=32),
        loss_cls=dict(type='FocalLoss'),
        loss_bbox=dict(type='GIoULoss'),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('cls_score')

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        anchor_generator: dict,
        *,
        num_cls_convs: int = 2,
        num_reg_convs: int = 4,
        norm_cfg: dict | None = dict(type='BN'),  # noqa: B006, never changed
        **others: Any,
    ) -> None:
        super().__init__(num_classes, prior_generator=anchor_generator, **others)
        count = anchors_per_location(self)
        self.cls_subnet = conv_tower(in_channels, in_channels, num_cls_convs, norm_cfg)
        self.bbox_subnet = conv_tower(in_channels, in_channels, num_reg_convs, norm_cfg)
        self.cls_score = Conv2d(in_channels, count * self.num_outputs, 3, padding=1)
        self.bbox_pred = Conv2d(in_channels, count * 4, 3, padding=1)
        self.object_pred = Conv2d(in_channels, count, 3, padding=1)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4).

        The sigmoid of `cls_score` is the class probability times that of an object (section 4.3).
        """
        reg_feats = [self.bbox_subnet(feat) for feat in feats]
        cls_maps = [self.cls_score(self.cls_subnet(feat)) for feat in feats]
        cls_score = self.flatten_scores(cls_maps).float()
        # L of (N, A, H, W) -> (N, R, 1)
        objects = flatten_levels([self.object_pred(feat) for feat in reg_feats], 1).float()
        odds = cls_score.exp().clamp(max=_LARGEST) + objects.exp().clamp(max=_LARGEST)
        return dict(
            cls_score=cls_score + objects - odds.log1p(),
            bbox_pred=flatten_levels([self.bbox_pred(feat) for feat in reg_feats], 4),
        )

    def gather_targets(
        self, assigned: list[Assignment], gt_bboxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Labels and boxes as in DenseHead, and the pairs whose boxes are learnt.

        Those are rows (p,) of the N * R priors of the batch, and the boxes to find there (p, 4).
        """
        labels, matched = super().gather_targets(assigned, gt_bboxes, gt_labels)
        rows = [found.pairs[:, 0] + i * labels.shape[1] for i, found in enumerate(assigned)]
        wanted = [
            bboxes[found.pairs[:, 1]] for found, bboxes in zip(assigned, gt_bboxes, strict=True)
        ]
        return labels, matched, torch.cat(rows), torch.cat(wanted)

    def loss_terms(
        self,
        outs: dict[str, Tensor],
        priors: Tensor,
        labels: Tensor,
        matched: Tensor,
        rows: Tensor,
        wanted: Tensor,
    ) -> dict[str, Tensor]:
        """The loss of the scores, and that of the boxes of all pairs.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels, matched, rows, wanted: of `gather_targets`.
        """
        num_pos = num_positives(labels > 0)
        deltas = outs['bbox_pred'].flatten(0, 1)[rows]  # (N, R, 4) -> (N * R, 4) -> (p, 4)
        found = self.bbox_coder.decode(priors[rows % len(priors)], deltas)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, num_pos),
            loss_bbox=self.loss_bbox(found, wanted, num_pos),
        )
