"""FSAF's head (Zhu et al. 2019): RetinaNet's without anchors, and each box chooses its level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmlite.models.heads.dense_head import reduce_mean
from mmlite.models.heads.retina_head import RetinaHead
from mmlite.models.losses import one_hot
from mmlite.ops.assignment import Assignment
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_NO_PRIOR = 1e6  # the loss of a box on a level where it has no prior
_LEAST = 1e-4  # of a distance, in training


@HEADS.register_module()
class FSAFHead(RetinaHead):
    """A box is learnt on the level where its priors have the smallest mean loss (section 3.2).

    Priors of the box on other levels are background, but of its class neither.

    Args (others as of RetinaHead):
        loss_cls, loss_bbox: configs of the losses; mmdet's `reduction='none'` may stand there.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        RetinaHead.DEFAULTS,
        bbox_coder=dict(type='TBLRBBoxCoder', normalizer=4.0),
        loss_bbox=dict(type='IoULoss'),
    )
    INIT_CFG: ClassVar[dict] = dict(
        type='Normal',
        layer='Conv2d',
        std=0.01,
        override=[
            dict(type='Normal', name='retina_cls', std=0.01, bias_prob=0.01),
            dict(type='Normal', name='retina_reg', std=0.01, bias=0.25),
        ],
    )

    @with_arguments_of(RetinaHead)
    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        *,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        **others: Any,
    ) -> None:
        losses = dict(loss_cls=_without_reduction(loss_cls), loss_bbox=_without_reduction(loss_bbox))
        super().__init__(num_classes, in_channels, **losses, **others)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4), distances of the sides."""
        outs = super().forward(feats)
        return dict(outs, bbox_pred=outs['bbox_pred'].relu())

    def gather_targets(
        self, assigned: list[Assignment], gt_bboxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Labels and boxes as in DenseHead, the targets of each class, and the box of each prior.

        Targets (N, R, C) are -1 in the shadow of a box. The box (N, R) is its place among all boxes
        of the batch, -1 for none.
        """
        labels, matched = super().gather_targets(assigned, gt_bboxes, gt_labels)
        targets = one_hot(labels, self.num_classes).float()
        targets = targets.where((labels >= 0)[..., None], -1)
        owners, before = [], 0
        for image, (found, own_labels) in enumerate(zip(assigned, gt_labels, strict=True)):
            prior, box = found.pairs.T
            targets[image, prior, own_labels[box] - 1] = -1
            owners.append((found.indices + before).where(found.indices >= 0, -1))
            before += len(own_labels)
        return labels, matched, targets, torch.stack(owners)
