"""YOLOX's head (Ge et al. 2021, section 2.1): a class, a box and an objectness at every cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from mmlite.models.csp_layer import KAIMING_UNIFORM, SWISH, YOLOX_BN
from mmlite.models.heads.dense_head import DenseHead, flatten_levels, reduce_mean
from mmlite.models.layers import Conv2d, conv_tower
from mmlite.models.losses import soft_targets, summed
from mmlite.ops.assignment import Predictions
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class YOLOXHead(DenseHead):
    """Cross entropy on classes and objectness, an IoU loss and at last L1 on the boxes.

    Which cells are for which box comes from the assigner: `SimOTAAssigner`, which compares their
    centres; a box is decoded from the top left corner of its cell.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        feat_channels, stacked_convs: channels and number of the convolutions in each tower.
        strides: pixels per cell of each level.
        use_depthwise: depthwise separable convolutions in the towers (YOLOX-Nano).
        dcn_on_last_conv: the last convolution of each tower is deformable.
        conv_bias: bias in the towers; 'auto' where there is no normalisation.
        norm_cfg, act_cfg: normalisation and activation in the towers; None for none.
        loss_obj: config of the loss of the objectness.
        loss_l1: config of the loss that counts where `use_l1` is True, which YOLOXModeSwitchHook
            sets for the last epochs.
        test_cfg: as of DenseHead, but nms_pre and max_per_img are -1, all, if left out.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_cls=dict(takes_scores=True))
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='YOLOXBBoxCoder'),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='IoULoss', mode='square', eps=1e-16, loss_weight=5.0),
        loss_obj=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_l1=dict(type='L1Loss'),
    )
    INIT_CFG: ClassVar[dict] = KAIMING_UNIFORM

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self, num_classes: int, in_channels: int, *, feat_channels: int = 256,
        stacked_convs: int = 2, strides: Sequence[int] = (8, 16, 32), use_depthwise: bool = False,
        dcn_on_last_conv: bool = False, conv_bias: bool | str = 'auto',
        norm_cfg: dict | None = YOLOX_BN, act_cfg: dict | None = SWISH,
        loss_obj: dict | None = None, loss_l1: dict | None = None, test_cfg: dict | None = None,
        **others: Any,
    ) -> None:  # fmt: skip
        others |= {part: summed(part, others.get(part)) for part in ('loss_cls', 'loss_bbox')}
        super().__init__(
            num_classes,
            prior_generator=dict(type='MlvlPointGenerator', strides=strides),
            test_cfg=dict(nms_pre=-1, max_per_img=-1) | (test_cfg or {}),
            **others,
        )
        self.loss_obj = LOSSES.build(self._given('loss_obj', summed('loss_obj', loss_obj)))
        self.loss_l1 = LOSSES.build(self._given('loss_l1', summed('loss_l1', loss_l1)))
        self.use_l1 = False
        args = (in_channels, feat_channels, stacked_convs, norm_cfg)
        bias, last = (None if conv_bias == 'auto' else conv_bias), dict(type='DCNv2')
        args = (*args, bias, last if dcn_on_last_conv else None, act_cfg, use_depthwise)
        self.multi_level_cls_convs = nn.ModuleList(conv_tower(*args) for _ in strides)
        self.multi_level_reg_convs = nn.ModuleList(conv_tower(*args) for _ in strides)
        for part, num_outputs in (('cls', self.num_outputs), ('reg', 4), ('obj', 1)):
            convs = nn.ModuleList(Conv2d(feat_channels, num_outputs, 1) for _ in strides)
            self.add_module(f'multi_level_conv_{part}', convs)

    def init_weights(self) -> None:
        """Every class and every object starts with a score of 0.01, see `rare_objects_init`."""
        super().init_weights()
        for conv in (*self.multi_level_conv_cls, *self.multi_level_conv_obj):
            nn.init.constant_(conv.bias, bias_init_with_prob(0.01))

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, C), `bbox_pred` (N, R, 4) and `objectness` logits (N, R)."""
        cls_feats = _each(self.multi_level_cls_convs, feats)
        reg_feats = _each(self.multi_level_reg_convs, feats)
        return dict(
            cls_score=self.flatten_scores(_each(self.multi_level_conv_cls, cls_feats)),
            bbox_pred=flatten_levels(_each(self.multi_level_conv_reg, reg_feats), 4),
            # L of (N, 1, H, W) -> (N, R, 1) -> (N, R)
            objectness=flatten_levels(_each(self.multi_level_conv_obj, reg_feats), 1)[..., 0],
        )

    @torch.no_grad()
    def predictions(self, outs: dict[str, Tensor], priors: Tensor) -> Predictions:
        """Returns what the assigner compares; a score is the root of class times objectness."""
        found = super().predictions(outs, priors)
        objectness = outs['objectness'].sigmoid()[..., None]  # (N, R, 1)
        return replace(found, scores=(found.scores * objectness).sqrt())

    def priors_inside(self, feats: Sequence[Tensor], img_meta: dict) -> None:
        """Returns None, all: cells in the padding are background, as in mmdet's YOLOX."""

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor,
        quality: Tensor,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Objectness at every cell; class, towards the IoU, and box where there is an object.

        Args:
            outs: of `forward`.
            priors: (R, 4), the cells.
            labels: (N, R): 0 background, 1..C.
            matched: (N, R, 4), the box that each cell has to find, input pixels.
            quality: (N, R) in [0, 1], the IoU at the assignment.
        """
        pos = labels > 0
        num_pos = reduce_mean(pos.sum().float()).clamp(min=1)
        targets = soft_targets(labels.where(pos, -1), quality, self.num_classes)
        found, wanted = self.bbox_pairs(outs, priors, pos, matched)  # each (N * R, 4)
        terms = dict(
            loss_cls=self.loss_cls(outs['cls_score'], targets, num_pos),
            loss_bbox=self.loss_bbox(found, wanted, num_pos, pos.flatten()),
            loss_obj=self.loss_obj(outs['objectness'], pos.float(), num_pos),
        )
        if self.use_l1:
            deltas = self.bbox_coder.encode(priors.repeat(len(matched), 1), wanted)
            pred = outs['bbox_pred'].flatten(0, 1)  # (N, R, 4) -> (N * R, 4)
            terms['loss_l1'] = self.loss_l1(pred, deltas, num_pos, pos.flatten())
        return terms

    def scores_and_factor(self, outs: dict[str, Tensor]) -> tuple[Tensor, None]:
        """Returns class times objectness (N, R, C) of the best class of each cell, else 0."""
        scores = self.loss_cls.scores(outs['cls_score'])
        best, labels = scores.max(dim=-1, keepdim=True)  # (N, R, C) -> (N, R, 1)
        best = best * outs['objectness'].sigmoid()[..., None]
        return torch.zeros_like(scores).scatter(-1, labels, best), None


def _each(layers: nn.ModuleList, feats: Sequence[Tensor]) -> list[Tensor]:
    return [layer(feat) for layer, feat in zip(layers, feats, strict=True)]
