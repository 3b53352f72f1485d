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
        # torch before 2.5 has these two as private methods only
        self._register_state_dict_hook(_to_disk_layout)
        self._register_load_state_dict_pre_hook(_from_disk_layout, with_module=True)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, C + 1), background first, and `bbox_pred` (N, R, 4)."""
        cls_maps = [conv(feat) for conv, feat in zip(self.cls_convs, feats, strict=True)]
        reg_maps = [conv(feat) for conv, feat in zip(self.reg_convs, feats, strict=True)]
        return dict(
            cls_score=flatten_levels(cls_maps, self.num_outputs),
            bbox_pred=flatten_levels(reg_maps, 4),
        )


def _to_disk_layout(head: SSDHead, state_dict: dict, prefix: str, local_metadata: dict) -> None:
    """On disk background is each prior's last output, as mmdet 3.x writes it; here its first."""
    _roll_background(head, state_dict, prefix, shift=-1)


def _from_disk_layout(head: SSDHead, state_dict: dict, prefix: str, *_) -> None:
    _roll_background(head, state_dict, prefix, shift=1)


def _roll_background(head: SSDHead, state_dict: dict, prefix: str, shift: int) -> None:
    """Rolls the outputs (A * (C + 1), ...) of each last class convolution by one class."""
    for level, convs in enumerate(head.cls_convs):
        for name in ('weight', 'bias'):
            key = f'{prefix}cls_convs.{level}.{len(convs) - 1}.{name}'
            value = state_dict.get(key)
            # a file of another class count is refused, and reported, by whoever loads it
            if value is not None and len(value) == len(getattr(convs[-1], name)):
                per_prior = value.reshape(-1, head.num_outputs, *value.shape[1:])
                state_dict[key] = torch.roll(per_prior, shift, dims=1).reshape(value.shape)
