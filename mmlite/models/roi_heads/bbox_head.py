"""Heads on the pooled features of RoIs: a class and a box for each (Fast R-CNN, Girshick 2015).

K RoIs, C object classes, B boxes predicted for each RoI.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.heads.dense_head import at_least_float32
from mmlite.models.layers import conv_tower
from mmlite.registry import HEADS, LOSSES, TASK_UTILS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module(name=['BBoxHead', 'ConvFCBBoxHead'])
class BBoxHead(BaseModule):
    """Convolutions, then linear layers, shared by classes and boxes, then own ones for each.

    Args:
        num_classes: C, object classes without background.
        in_channels: channels of the pooled features.
        roi_feat_size: their side.
        num_shared_convs, num_shared_fcs: layers for both; all numbers of layers may be 0.
        num_cls_convs, num_cls_fcs: more layers for the classes.
        num_reg_convs, num_reg_fcs: more layers for the boxes.
        conv_out_channels, fc_out_channels: their channels.
        conv_cfg: other convolutions, `dict(type='ConvWS')`; None for ordinary ones.
        norm_cfg: normalisation after the convolutions; None for none.
        with_avg_pool: average over the cells behind the convolutions.
        bbox_coder: config of the coder.
        reg_class_agnostic: one box for all classes; else one for each.
        reg_decoded_bbox: the loss compares boxes; else deltas. It has to be what `loss_bbox` does.
        loss_cls, loss_bbox: configs of the losses.
        init_cfg: an initialiser of mmengine.

    Raises:
        ConfigError: convolutions behind linear layers, or a loss that compares something else than
            `reg_decoded_bbox` says.
    """

    INIT_CFG: ClassVar[list[dict]] = [
        dict(type='Normal', std=0.01, override=dict(name='fc_cls')),
        dict(type='Normal', std=0.001, override=dict(name='fc_reg')),
        dict(
            type='Xavier',
            distribution='uniform',
            override=[dict(name=name) for name in ('shared_fcs', 'cls_fcs', 'reg_fcs')],
        ),
    ]

    def __init__(
        self, num_classes: int = 80, in_channels: int = 256, *, roi_feat_size: int = 7,
        num_shared_convs: int = 0, num_shared_fcs: int = 0, num_cls_convs: int = 0,
        num_cls_fcs: int = 0, num_reg_convs: int = 0, num_reg_fcs: int = 0,
        conv_out_channels: int = 256, fc_out_channels: int = 1024, conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        with_avg_pool: bool = False, bbox_coder: dict | None = None,
        reg_class_agnostic: bool = False, reg_decoded_bbox: bool = False,
        loss_cls: dict | None = None, loss_bbox: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if num_shared_fcs and (num_cls_convs or num_reg_convs):
            raise ConfigError(
                f'{type(self).__name__}: convolutions of one branch cannot follow linear layers: '
                'set num_shared_fcs=0, or num_cls_convs=0 and num_reg_convs=0'
            )
        self.num_classes = num_classes
        self.reg_class_agnostic = reg_class_agnostic
        self.bbox_coder = TASK_UTILS.build(
            bbox_coder or dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2))
        )
        self.loss_cls = LOSSES.build(loss_cls or dict(type='CrossEntropyLoss'))
        self.loss_bbox = LOSSES.build(loss_bbox or dict(type='SmoothL1Loss'))
        _check_decoded(self, reg_decoded_bbox)
        self.avg_pool = nn.AvgPool2d(roi_feat_size) if with_avg_pool else nn.Identity()
        cells = 1 if with_avg_pool else roi_feat_size**2

        def branch(width: int, is_flat: bool, num_convs: int, num_fcs: int) -> tuple:
            """Returns the convolutions, the linear layers, and the features behind them."""
            convs = conv_tower(width, conv_out_channels, num_convs, norm_cfg, conv_cfg=conv_cfg)
            width = conv_out_channels if num_convs else width
            if not num_fcs:
                return convs, nn.ModuleList(), width
            widths = [width if is_flat else width * cells, *[fc_out_channels] * num_fcs]
            fcs = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(widths))
            return convs, fcs, fc_out_channels

        self.shared_convs, self.shared_fcs, width = branch(
            in_channels, False, num_shared_convs, num_shared_fcs
        )
        flat = num_shared_fcs > 0
        self.cls_convs, self.cls_fcs, cls_width = branch(width, flat, num_cls_convs, num_cls_fcs)
        self.reg_convs, self.reg_fcs, reg_width = branch(width, flat, num_reg_convs, num_reg_fcs)
        if not (flat or num_cls_fcs):
            cls_width *= cells
        if not (flat or num_reg_fcs):
            reg_width *= cells
        self.fc_cls = nn.Linear(cls_width, self.loss_cls.num_outputs(num_classes))
        self.fc_reg = nn.Linear(reg_width, 4 * (1 if reg_class_agnostic else num_classes))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(K, channels, s, s) -> `cls_score` (K, C + 1), background first, `bbox_pred` (K, B, 4).

        B is 1 with `reg_class_agnostic`, else C.
        """
        x = self.shared_convs(x)
        if self.shared_fcs:
            x = _linear(self.shared_fcs, self.flat(x))
        cls_score = self.fc_cls(_linear(self.cls_fcs, self.flat(self.cls_convs(x))))
        bbox_pred = self.fc_reg(_linear(self.reg_fcs, self.flat(self.reg_convs(x))))
        return self.predictions(cls_score, bbox_pred)

    def predictions(self, cls_score: Tensor, bbox_pred: Tensor) -> dict[str, Tensor]:
        """What the last two layers give, (K, C + 1) and (K, B * 4) -> as of `forward`."""
        if cls_score.shape[1] > self.num_classes:  # in the files the background is the last column
            cls_score = cls_score.roll(1, dims=-1)
        # (K, B * 4) -> (K, B, 4)
        bbox_pred = at_least_float32(bbox_pred).unflatten(1, (-1, 4))
        return dict(cls_score=at_least_float32(cls_score), bbox_pred=bbox_pred)

    def flat(self, x: Tensor) -> Tensor:
        """(K, channels, s, s) -> (K, features); what is flat already stays."""
        return x if x.dim() == 2 else self.avg_pool(x).flatten(1)

    def loss(
        self, outs: dict[str, Tensor], bboxes: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """Both losses are divided by the number of RoIs that are not ignored.

        Args:
            outs: of `forward`.
            bboxes: (K, 4) of the RoIs, input pixels.
            labels: (K,): -1 ignore, 0 background, 1..C.
            matched: (K, 4), the box that each RoI has to find, input pixels.
        """
        count, pos = (labels >= 0).sum().clamp(min=1), labels > 0
        # a RoI without a box to find, perhaps of no size, is a pixel that finds itself: weight 0
        pixel = bboxes.new_tensor([0.0, 0, 1, 1])
        bboxes, matched = (each.where(pos[:, None], pixel) for each in (bboxes, matched))
        found = self.of_class(outs['bbox_pred'], labels.clamp(min=1)).where(pos[:, None], 0)
        if self.loss_bbox.on_decoded:
            pairs = self.bbox_coder.decode(bboxes, found), matched
        else:
            pairs = found, self.bbox_coder.encode(bboxes, matched)
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], labels, count),
            loss_bbox=self.loss_bbox(*pairs, count, pos),
        )

    def of_class(self, bbox_pred: Tensor, labels: Tensor) -> Tensor:
        """Deltas (K, B, 4) and labels (K,) in 1..C -> (K, 4), those of the class."""
        if self.reg_class_agnostic:
            return bbox_pred[:, 0]
        return bbox_pred[torch.arange(len(labels), device=labels.device), labels - 1]


@HEADS.register_module()
class Shared2FCBBoxHead(BBoxHead):
    """Two shared linear layers (FPN, Lin et al. 2017, section 4.2)."""

    @with_arguments_of(BBoxHead)
    def __init__(self, *args: Any, num_shared_fcs: int = 2, **others: Any) -> None:
        super().__init__(*args, num_shared_fcs=num_shared_fcs, **others)


@HEADS.register_module()
class Shared4Conv1FCBBoxHead(BBoxHead):
    """Four shared convolutions and a linear layer (Group norm, Wu and He 2018, section 4.2)."""

    @with_arguments_of(BBoxHead)
    def __init__(
        self, *args: Any, num_shared_convs: int = 4, num_shared_fcs: int = 1, **others: Any
    ) -> None:
        layers = dict(num_shared_convs=num_shared_convs, num_shared_fcs=num_shared_fcs)
        super().__init__(*args, **layers, **others)


def _check_decoded(head: BBoxHead, reg_decoded_bbox: bool) -> None:
    # a plugin's loss may not say it
    if getattr(head.loss_bbox, 'on_decoded', reg_decoded_bbox) != reg_decoded_bbox:
        what = 'boxes' if head.loss_bbox.on_decoded else 'deltas'
        raise ConfigError(
            f'{type(head).__name__}: reg_decoded_bbox={not reg_decoded_bbox} is expected, as '
            f'{type(head.loss_bbox).__name__} compares {what}; found {reg_decoded_bbox}'
        )


def _linear(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x).relu()
    return x
