"""SSD's head (Liu et al. 2016): one 3x3 convolution per level for classes, one for boxes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, flatten_levels
from mmlite.models.layers import Conv2d, ConvModule, DepthwiseSeparableConvModule
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class SSDHead(DenseHead):
    """Softmax over background and classes at every default box, smooth L1 on the boxes.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        anchor_generator: config of the default boxes.
        stacked_convs, feat_channels: number and channels of 3x3 convolutions before the last one.
        use_depthwise: depthwise separable convolutions throughout: SSDLite (MobileNetV2, Sandler
            et al. 2018, section 6.2).
        norm_cfg, act_cfg: normalisation (None for none) and activation (ReLU) of all but the last.
        loss_cls, loss_bbox: configs of the losses. Left out, they are SSD's own, with
            `neg_pos_ratio` and `smoothl1_beta` from `train_cfg`, where mmdet keeps them.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Xavier', layer='Conv2d', distribution='uniform', bias=0)

    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        anchor_generator: dict,
        bbox_coder: dict,
        *,
        stacked_convs: int = 0,
        feat_channels: int = 256,
        use_depthwise: bool = False,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        loss_cls: dict | None = None,
        loss_bbox: dict | None = None,
        train_cfg: dict | None = None,
        **others: Any,
    ) -> None:
        train = train_cfg or {}
        ratio, beta = train.get('neg_pos_ratio', 3), train.get('smoothl1_beta', 1.0)
        super().__init__(
            num_classes,
            prior_generator=anchor_generator,
            bbox_coder=bbox_coder,
            loss_cls=loss_cls or dict(type='HardNegativeCrossEntropyLoss', neg_pos_ratio=ratio),
            loss_bbox=loss_bbox or dict(type='SmoothL1Loss', beta=beta),
            train_cfg=train_cfg,
            **others,
        )
        counts = self.prior_generator.num_priors_per_location
        if len(in_channels) != len(counts):
            raise ConfigError(
                f'SSDHead: in_channels has {len(in_channels)} levels, anchor_generator has '
                f'{len(counts)} strides'
            )
        widths = [feat_channels] * stacked_convs
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg or dict(type='ReLU'))
        predictor = _depthwise_predictor if use_depthwise else _predictor
        self.cls_convs = nn.ModuleList(
            predictor([channels, *widths], count * self.num_outputs, **layers)
            for channels, count in zip(in_channels, counts, strict=True)
        )
        self.reg_convs = nn.ModuleList(
            predictor([channels, *widths], count * 4, **layers)
            for channels, count in zip(in_channels, counts, strict=True)
        )

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, C + 1), background first, and `bbox_pred` (N, R, 4)."""
        cls_maps = [conv(feat) for conv, feat in zip(self.cls_convs, feats, strict=True)]
        reg_maps = [conv(feat) for conv, feat in zip(self.reg_convs, feats, strict=True)]
        # per level (N, A * K, H, W) -> (N, R, K), and (N, A * 4, H, W) -> (N, R, 4)
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(reg_maps, 4))


def _predictor(
    widths: Sequence[int], out_channels: int, norm_cfg: dict | None, act_cfg: dict
) -> nn.Sequential:
    """3x3 convolutions from width to width, then the one that predicts."""
    layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg)
    stacked = [ConvModule(*pair, 3, **layers) for pair in pairwise(widths)]
    return nn.Sequential(*stacked, Conv2d(widths[-1], out_channels, 3, padding=1))


def _depthwise_predictor(
    widths: Sequence[int], out_channels: int, norm_cfg: dict | None, act_cfg: dict
) -> nn.Sequential:
    """The same of separable convolutions; the last 1x1 has neither norm nor activation."""
    layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg)
    stacked = [DepthwiseSeparableConvModule(*pair, 3, **layers) for pair in pairwise(widths)]
    depthwise = ConvModule(widths[-1], widths[-1], 3, groups=widths[-1], **layers)
    return nn.Sequential(*stacked, depthwise, Conv2d(widths[-1], out_channels, 1))
