"""SABL's one-stage head (Wang et al. 2020, section 3.4): RetinaNet's, with sides in buckets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import (
    DenseHead,
    flatten_levels,
    num_positives,
    rare_objects_init,
)
from mmlite.models.heads.fitting import check_loss
from mmlite.models.heads.retina_head import RetinaHead, anchors_per_location
from mmlite.models.layers import Conv2d, conv_tower
from mmlite.registry import HEADS, LOSSES, TASK_UTILS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class SABLRetinaHead(DenseHead):
    """One square at each location, assigned by the anchors around it, and decoded by buckets.

    The score of a box is that of its class times the confidence of its buckets.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        approx_anchor_generator: config of the anchors that the assigner compares with the boxes.
        square_anchor_generator: config of the squares, one at each location.
        norm_cfg: normalisation in the towers; None for none.
        loss_bbox_cls, loss_bbox_reg: configs of the losses of buckets and offsets.

    Raises:
        ConfigError: the two generators have different strides, or there are several squares.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        prior_generator=dict(
            type='AnchorGenerator', ratios=[1.0], scales=[4], strides=[8, 16, 32, 64, 128]
        ),
        approx_anchor_generator=RetinaHead.DEFAULTS['prior_generator'],
        bbox_coder=dict(type='BucketingBBoxCoder', num_buckets=14, scale_factor=3.0),
        loss_cls=dict(type='FocalLoss'),
        loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9, loss_weight=1.5),
        loss_bbox_cls=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.5),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('retina_cls')

    @with_arguments_of(DenseHead, without=('prior_generator', 'loss_bbox'))
    def __init__(
        self, num_classes: int, in_channels: int, *, stacked_convs: int = 4,
        feat_channels: int = 256, approx_anchor_generator: dict | None = None,
        square_anchor_generator: dict | None = None, norm_cfg: dict | None = None,
        loss_bbox_cls: dict | None = None, loss_bbox_reg: dict | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, prior_generator=square_anchor_generator, loss_bbox=loss_bbox_reg, **others
        )
        self.loss_bbox_cls = LOSSES.build(self._given('loss_bbox_cls', loss_bbox_cls))
        self.loss_bbox_reg = self.loss_bbox  # its name in the config
        check_loss(self, 'loss_bbox_cls', dict(takes_scores=True))
        check_loss(self, 'loss_bbox_reg', dict(on_decoded=False))
        self.approx_generator = TASK_UTILS.build(
            self._given('approx_anchor_generator', approx_anchor_generator)
        )
        shifts = self.approximations()
        if hasattr(self.assigner, 'compare_around'):
            self.assigner.compare_around(shifts)
        tower = (in_channels, feat_channels, stacked_convs, norm_cfg)
        self.cls_convs, self.reg_convs = conv_tower(*tower), conv_tower(*tower)
        channels = feat_channels if stacked_convs else in_channels
        numbers = self.bbox_coder.side_num * 4
        self.retina_cls = Conv2d(channels, self.num_outputs, 3, padding=1)
        self.retina_bbox_reg = Conv2d(channels, numbers, 3, padding=1)
        self.retina_bbox_cls = Conv2d(channels, numbers, 3, padding=1)

    def approximations(self) -> list[Tensor]:
        """Returns per level (A, 4): what is added to the square of a location for its anchors."""
        squares, anchors = self.prior_generator, self.approx_generator
        if squares.strides != anchors.strides or anchors_per_location(self) != 1:
            raise ConfigError(
                'model.bbox_head: square_anchor_generator has one square at each location and the '
                f'strides of approx_anchor_generator; found {anchors_per_location(self)} squares, '
                f'strides {squares.strides} and {anchors.strides}'
            )
        pairs = zip(anchors.base_priors, squares.base_priors, strict=True)
        return [around - square for around, square in pairs]  # (A, 4) - (1, 4) -> (A, 4)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 8 * S): logits, then offsets."""
        cls_maps = [self.retina_cls(self.cls_convs(feat)) for feat in feats]
        reg_feats = [self.reg_convs(feat) for feat in feats]
        numbers = [
            torch.cat([self.retina_bbox_cls(feat), self.retina_bbox_reg(feat)], dim=1)
            for feat in reg_feats
        ]
        return dict(
            cls_score=self.flatten_scores(cls_maps),
            bbox_pred=flatten_levels(numbers, self.bbox_coder.side_num * 8),
        )

    def score_factor(self, outs: dict[str, Tensor]) -> Tensor:
        """The confidence of the buckets (N, R)."""
        return self.bbox_coder.confidence(outs['bbox_pred'].flatten(0, 1)).unflatten(
            0, outs['bbox_pred'].shape[:2]
        )

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """The scores' loss, and of the positives' sides which bucket, and which offset.

        Args:
            outs: of `forward`.
            priors: (R, 4), the squares, xyxy, input pixels.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each prior has to find, input pixels.
        """
        pos, coder = labels > 0, self.bbox_coder
        num_pos = num_positives(pos)
        found, wanted = self.bbox_pairs(outs, priors, pos, matched)  # each (N * R, 8 * S)
        weights = coder.weights(wanted).where(pos.flatten()[:, None], 0)
        logits, buckets, asked, offsets, sides, learnt = (
            part.reshape(-1, 1)  # (N * R, 4, S) -> (N * R * 4 * S, 1): each counts for itself
            for kind in zip(*map(coder.split, (found, wanted, weights)), strict=True)
            for part in kind
        )
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, num_pos),
            loss_bbox_cls=self.loss_bbox_cls(logits, buckets, num_pos * 4 * coder.side_num, asked),
            loss_bbox_reg=self.loss_bbox_reg(
                offsets, sides, num_pos * 4 * coder.offset_topk, learnt[:, 0]
            ),
        )
