"""The region proposal network (Ren et al. 2015, section 3.1): where there may be an object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmlite.config.schema import PROPOSALS, RPN_TRAIN_CFG, Keys
from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import (
    IGNORE_LABEL,
    DenseHead,
    featmap_sizes,
    flatten_levels,
)
from mmlite.models.heads.retina_head import anchors_per_location
from mmlite.models.layers import Conv2d, conv_tower
from mmlite.ops.assignment import Assignment
from mmlite.ops.boxes import clip_boxes, to_original
from mmlite.ops.nms import multiclass_nms
from mmlite.registry import HEADS, TASK_UTILS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class RPNHead(DenseHead):
    """Object or background at every anchor; the best boxes are proposals.

    As the head of a detector of type `RPN` its detections are the proposals, of class 1.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        num_classes: 1, object.
        feat_channels, num_convs: channels and number of the convolutions in front.
        anchor_generator: config of the anchors; the paper's over a pyramid if left out.
        train_cfg: dict with `assigner`, `sampler`, and `allowed_border`: the pixels by which an
            anchor may leave the image, -1 for any number; others are ignored.
        test_cfg: `nms_pre` of each level, `nms`, `max_per_img`, `min_bbox_size`, `score_thr`.
    """

    TRAIN_KEYS: ClassVar[Keys] = RPN_TRAIN_CFG
    TEST_KEYS: ClassVar[Keys] = PROPOSALS
    CFG_PATHS: ClassVar[str] = 'model.{}_cfg.rpn'
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        prior_generator=dict(
            type='AnchorGenerator', scales=[8], ratios=[0.5, 1.0, 2.0], strides=[4, 8, 16, 32, 64]
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='L1Loss'),
    )
    INIT_CFG: ClassVar[dict] = dict(type='Normal', layer='Conv2d', std=0.01)

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self, in_channels: int, num_classes: int = 1, *, feat_channels: int = 256,
        num_convs: int = 1, anchor_generator: dict | None = None, train_cfg: dict | None = None,
        **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            num_classes, prior_generator=anchor_generator, train_cfg=train_cfg, **others
        )
        sampler = (train_cfg or {}).get('sampler') or dict(type='PseudoSampler')
        self.sampler = TASK_UTILS.build(sampler)
        if needs := getattr(self.sampler, 'needs', ()):  # a plugin's may not say it
            raise ConfigError(
                f'model.train_cfg.rpn.sampler: {type(self.sampler).__name__} is for a '
                f'second stage, as it asks for {", ".join(needs)} of each box; '
                'RandomSampler is one that fits'
            )
        self.allowed_border = (train_cfg or {}).get('allowed_border', -1)
        if num_convs == 1:  # the names of the weights in mmdet's files
            self.rpn_conv = Conv2d(in_channels, feat_channels, 3, padding=1)
        else:
            self.rpn_conv = conv_tower(in_channels, feat_channels, num_convs, None)
        count = anchors_per_location(self)
        self.rpn_cls = Conv2d(feat_channels, count * self.num_outputs, 1)
        self.rpn_reg = Conv2d(feat_channels, count * 4, 1)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4)."""
        feats = [nn.functional.relu(self.rpn_conv(feat)) for feat in feats]
        cls_score = self.flatten_scores([self.rpn_cls(feat) for feat in feats])
        return dict(cls_score=cls_score, bbox_pred=flatten_levels(map(self.rpn_reg, feats), 4))

    # ---- training -------------------------------------------------------------------------

    def loss_and_proposals(
        self,
        feats: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None,
        proposal_cfg: Mapping,
    ) -> tuple[dict[str, Tensor], list[dict[str, Tensor]]]:
        """Returns the losses, and the proposals for the second stage, see `propose`.

        Args:
            feats, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore: as of `loss`.
            proposal_cfg: `train_cfg.rpn_proposal`, flat.
        """
        predicted = self.forward_with_priors(feats)
        truth = (gt_bboxes, gt_labels, gt_bboxes_ignore)
        losses = self.loss_of(predicted, feats, img_metas, *truth)
        return losses, self.propose(*predicted, img_metas, proposal_cfg)

    def priors_inside(
        self, feats: Sequence[Tensor], img_meta: dict
    ) -> tuple[Tensor, list[int]] | None:
        """Returns the anchors that leave the image by no more than `allowed_border`."""
        found = super().priors_inside(feats, img_meta)
        if self.allowed_border < 0:
            return found
        priors, num_per_level = self.prior_generator(featmap_sizes(feats), feats[0])
        height, width = img_meta['img_shape'][:2]
        start, end = -self.allowed_border, priors.new_tensor([width, height]) + self.allowed_border
        kept = ((priors[:, :2] >= start) & (priors[:, 2:] < end)).all(dim=1)  # (R, 2) -> (R,)
        if found is not None:
            kept &= torch.zeros_like(kept).index_fill(0, found[0], True)
        counts = [int(level.sum()) for level in kept.split(num_per_level)]
        return kept.nonzero()[:, 0], counts

    def gather_targets(
        self, assigned: list[Assignment], gt_bboxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[Tensor, ...]:
        """Every class is 1, object, and what the sampler does not take is ignored."""
        labels, matched = super().gather_targets(assigned, gt_bboxes, gt_labels)
        labels = labels.clamp(max=1)
        return labels.where(self.sampler(labels), IGNORE_LABEL), matched

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """Both losses are divided by the number of anchors taken (equation 1), see DenseHead."""
        pos, neg = labels > 0, labels == 0
        # (N, R) -> (N,) of each image, at least one of both kinds -> scalar
        num_taken = (pos.sum(dim=1).clamp(min=1) + neg.sum(dim=1).clamp(min=1)).sum().float()
        pairs = self.bbox_pairs(outs, priors, pos, matched)
        return dict(
            loss_rpn_cls=self.loss_cls(outs['cls_score'], labels, num_taken),
            loss_rpn_bbox=self.loss_bbox(*pairs, num_taken, pos.flatten()),
        )

    # ---- proposals ------------------------------------------------------------------------

    def predict(
        self, feats: Sequence[Tensor], img_metas: list[dict], rescale: bool = False
    ) -> list[dict[str, Tensor]]:
        """Returns the proposals as detections of class 1, see DenseHead."""
        proposals = self.propose(
            *self.forward_with_priors(feats), img_metas, self.test_cfg, rescale
        )
        ones = [
            found['scores'].new_ones(len(found['scores']), dtype=torch.long) for found in proposals
        ]
        return [dict(found, labels=labels) for found, labels in zip(proposals, ones, strict=True)]

    @torch.no_grad()
    def propose(
        self,
        outs: dict[str, Tensor],
        priors: Tensor,
        num_per_level: list[int],
        img_metas: list[dict],
        cfg: Mapping,
        rescale: bool = False,
    ) -> list[dict[str, Tensor]]:
        """The best boxes of each level after NMS of the level, then the best of all levels.

        Args:
            outs, priors, num_per_level: of `forward_with_priors`.
            img_metas: per image, with `img_shape`, to which the boxes are clipped.
            cfg: `nms_pre`, `nms`, `max_per_img`, `min_bbox_size`, `score_thr`, see `flat_test_cfg`.
            rescale: boxes in pixels of the original image.

        Returns:
            Per image dict(bboxes (p, 4), scores (p,)), best first.
        """
        inds, levels, scores, deltas = self.best_of_levels(outs, num_per_level, cfg['nms_pre'])
        proposals = []
        for own, own_deltas, own_scores, meta in zip(inds, deltas, scores, img_metas, strict=True):
            bboxes = self.bbox_coder.decode(priors[own], own_deltas)
            bboxes = clip_boxes(bboxes, meta['img_shape'][:2])
            bboxes = to_original(bboxes, meta) if rescale else bboxes
            sides = bboxes[:, 2:] - bboxes[:, :2]
            large = (sides > cfg['min_bbox_size']).all(dim=1)  # (m, 2) -> (m,) bool
            kept = large & (own_scores >= cfg['score_thr'])
            bboxes, found = bboxes[kept], own_scores[kept]
            groups = levels[kept]
            keep, found = multiclass_nms(bboxes, found, groups, cfg['nms'], cfg['max_per_img'])
            proposals.append(dict(bboxes=bboxes[keep], scores=found))
        return proposals

    def best_of_levels(
        self, outs: dict[str, Tensor], num_per_level: list[int], nms_pre: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The m candidates of each image for NMS: the best `nms_pre` of each level, -1 for all.

        Returns:
            indices (N, m) of the anchors, levels (m,), scores (N, m), deltas (N, m, 4).
        """
        scores = self.loss_cls.scores(outs['cls_score'])[..., 0]  # (N, R, 1) -> (N, R)
        # near 1 logits still differ where scores in float32 do not
        ranks = outs['cls_score'][..., 0] if self.num_outputs == 1 else scores
        inds, levels = [], []
        for level, part in enumerate(ranks.split(num_per_level, dim=1)):  # (N, R_l)
            count = part.shape[1] if nms_pre < 0 else min(nms_pre, part.shape[1])
            inds.append(part.topk(count).indices + sum(num_per_level[:level]))
            levels += [level] * count
        inds = torch.cat(inds, dim=1)  # (N, m)
        levels = torch.tensor(levels, device=inds.device)
        deltas = outs['bbox_pred'].gather(1, inds[..., None].expand(-1, -1, 4))  # (N, m, 4)
        return inds, levels, scores.gather(1, inds), deltas
