"""SSD's head (Liu et al. 2016): one 3x3 convolution per level for classes, one for boxes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, flatten_levels
from mmlite.registry import HEADS


@HEADS.register_module()
class SSDHead(DenseHead):
    """Softmax over background and classes at every default box, smooth L1 on the boxes.

    Args:
        num_classes: C, object classes without background.
        in_channels: channels of each level.
        anchor_generator: config of the default boxes.
        bbox_coder: config of the coder.
        loss_cls, loss_bbox: configs of the losses. Left out, they are SSD's own, with
            `neg_pos_ratio` and `smoothl1_beta` from `train_cfg`, where mmdet keeps them.
        train_cfg, test_cfg, init_cfg: as DenseHead.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        anchor_generator: dict,
        bbox_coder: dict,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        train = train_cfg or {}
        super().__init__(
            num_classes,
            anchor_generator,
            bbox_coder,
            loss_cls
            or dict(
                type='HardNegativeCrossEntropyLoss', neg_pos_ratio=train.get('neg_pos_ratio', 3)
            ),
            loss_bbox or dict(type='SmoothL1Loss', beta=train.get('smoothl1_beta', 1.0)),
            train_cfg,
            test_cfg,
            init_cfg or dict(type='Xavier', layer='Conv2d', distribution='uniform', bias=0),
        )
        self.num_outputs = self.loss_cls.num_outputs(num_classes)
        counts = self.prior_generator.num_priors_per_location
        if len(in_channels) != len(counts):
            raise ConfigError(
                f'SSDHead: in_channels has {len(in_channels)} levels, anchor_generator has '
                f'{len(counts)} strides'
            )
        self.cls_convs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, count * self.num_outputs, 3, padding=1))
            for channels, count in zip(in_channels, counts, strict=True)
        )
        self.reg_convs = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, count * 4, 3, padding=1))
            for channels, count in zip(in_channels, counts, strict=True)
        )

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, C + 1), background first, and `bbox_pred` (N, R, 4)."""
        cls_maps = [conv(feat) for conv, feat in zip(self.cls_convs, feats, strict=True)]
        reg_maps = [conv(feat) for conv, feat in zip(self.reg_convs, feats, strict=True)]
        # the convolutions have background last, as mmdet 3.x's files do; labels have it first
        cls_score = torch.roll(flatten_levels(cls_maps, self.num_outputs), 1, dims=-1)
        return dict(
            cls_score=cls_score,
            bbox_pred=flatten_levels(reg_maps, 4),
        )
