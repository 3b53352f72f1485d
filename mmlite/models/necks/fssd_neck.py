"""FSSD: the backbone's maps fused once, and all levels made of that (Li and Zhou 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule, build_norm
from mmlite.registry import NECKS


@NECKS.register_module()
class FSSDNeck(BaseModule):
    """Fuses maps at the size of the first, then makes each level from the one before.

    A 1x1 convolution brings every map to `fused_channels`, bilinear interpolation to the size of
    the first; side by side, and normalised, a 3x3 convolution makes the first level of them, and
    another one each further level (arXiv 1712.00960, section 3.1).

    Args:
        in_channels: channels of the maps that are fused.
        fused_channels: channels that each of them has in the fused map.
        out_channels: channels of the levels.
        level_strides, level_paddings: of the 3x3 convolution of each level.
        norm_cfg: normalisation of the fused map and after each convolution; None for none.
        init_cfg: an initialiser of mmengine; None draws by Xavier.

    Raises:
        ConfigError: strides or paddings are not one for each level.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Xavier', layer='Conv2d', distribution='uniform')

    def __init__(
        self,
        in_channels: Sequence[int],
        fused_channels: int = 256,
        *,
        out_channels: Sequence[int] = (512, 512, 256, 256, 256, 256),
        level_strides: Sequence[int] = (1, 2, 2, 2, 1, 1),
        level_paddings: Sequence[int] = (1, 1, 1, 1, 0, 0),
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not len(level_strides) == len(level_paddings) == len(out_channels):
            raise ConfigError(
                f'FSSDNeck: out_channels has {len(out_channels)} levels, but there are '
                f'{len(level_strides)} level_strides and {len(level_paddings)} level_paddings'
            )
        layers = dict(norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, fused_channels, 1, **layers) for channels in in_channels
        )
        width = fused_channels * len(in_channels)
        self.fused_norm = nn.Identity() if norm_cfg is None else build_norm(norm_cfg, width)[1]
        levels = zip(pairwise([width, *out_channels]), level_strides, level_paddings, strict=True)
        self.level_convs = nn.ModuleList(
            ConvModule(*pair, 3, stride, padding, **layers) for pair, stride, padding in levels
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) -> a map (N, C, h, w) for each of `out_channels`."""
        size = feats[0].shape[-2:]
        maps = [
            F.interpolate(conv(feat), size, mode='bilinear', align_corners=False)
            for conv, feat in zip(self.lateral_convs, feats, strict=True)
        ]
        level = self.fused_norm(torch.cat(maps, dim=1))
        outs = []
        for conv in self.level_convs:
            level = conv(level)
            outs.append(level)
        return outs
