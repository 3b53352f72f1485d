"""FSAF's head (Zhu et al. 2019): RetinaNet's without anchors, and each box chooses its level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmlite.models.heads.best_level import on_best_level
from mmlite.models.heads.dense_head import reduce_mean
from mmlite.models.heads.retina_head import RetinaHead, anchors_per_location
from mmlite.models.losses import one_hot
from mmlite.ops.assignment import Assignment
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

_LEAST = 1e-4  # of a distance, in training


@HEADS.register_module()
class FSAFHead(RetinaHead):
    """A box is learnt on the level where its priors have the smallest mean loss (section 3.2).

    Priors of the box on other levels are background, but of its class neither.

    Args (others as of RetinaHead):
        loss_cls, loss_bbox: configs of the losses; mmdet's `reduction='none'` is accepted.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(
        loss_cls=dict(per_entry=True), loss_bbox=dict(per_box=True)
    )
    NEEDS_PAIRS: ClassVar[bool] = True
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
        losses = dict(
            loss_cls=_without_reduction(loss_cls), loss_bbox=_without_reduction(loss_bbox)
        )
        super().__init__(num_classes, in_channels, **losses, **others)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K), `bbox_pred` (N, R, 4) and each prior's `level` (1, R)."""
        outs = super().forward(feats)
        sizes = [feat.shape[-2] * feat.shape[-1] for feat in feats]
        level = torch.cat([feats[0].new_full((size,), i) for i, size in enumerate(sizes)])
        level = level.repeat_interleave(anchors_per_location(self))[None]
        return dict(outs, bbox_pred=outs['bbox_pred'].relu(), level=level)

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

    def loss_terms(
        self,
        outs: dict[str, Tensor],
        priors: Tensor,
        labels: Tensor,
        matched: Tensor,
        targets: Tensor,
        owner: Tensor,
    ) -> dict[str, Tensor]:
        """Both losses over the positives on the levels that their boxes have chosen.

        Args:
            outs: of `forward`.
            priors: (R, 4), xyxy, input pixels.
            labels, matched, targets, owner: of `gather_targets`.
        """
        pos = owner >= 0
        learnt = dict(outs, bbox_pred=outs['bbox_pred'].clamp(min=_LEAST))
        pairs = self.bbox_pairs(learnt, priors, pos, matched)
        box_loss = self.loss_bbox.loss_weight * self.loss_bbox.per_box(*pairs).view_as(labels)
        cls_loss = self.loss_cls.per_entry(outs['cls_score'], targets.clamp(min=0))
        cls_loss = self.loss_cls.loss_weight * cls_loss.where(targets >= 0, 0)  # (N, R, C)
        # (N, R, C) -> (N, R)
        cost = cls_loss.detach().sum(dim=-1) + box_loss.detach()
        levels = self.prior_generator.num_levels
        kept = pos & on_best_level(cost, owner, outs['level'][0], levels)
        num_pos = reduce_mean(kept.sum().float())
        total = num_pos.where(num_pos > 0, (labels == 0).sum())
        # a positive on another level says nothing about its class
        left_out = (pos & ~kept)[..., None] & one_hot(labels, self.num_classes)
        return dict(
            loss_cls=cls_loss.where(~left_out, 0).sum() / total,
            loss_bbox=box_loss.where(kept, 0).sum() / total,
        )


def _without_reduction(cfg: dict | None) -> dict | None:
    """mmdet's FSAF asks its losses for what this head takes from them by itself."""
    if cfg is None or cfg.get('reduction') != 'none':
        return cfg
    return {key: value for key, value in cfg.items() if key != 'reduction'}
