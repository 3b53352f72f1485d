"""The dynamic head (Dai et al. 2021): attention over levels, places and channels. Keys as mmdet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.activations import HSigmoid
from mmlite.models.base_module import BaseModule
from mmlite.models.deform_conv import DeformConv2d
from mmlite.models.layers import Conv2d, ConvModule
from mmlite.models.norms import GroupNorm
from mmlite.registry import NECKS

_TAPS = 9  # of a 3x3 kernel


@NECKS.register_module()
class DyHead(BaseModule):
    """Blocks in which each level looks at its neighbours; a neck behind an FPN.

    Args:
        in_channels, out_channels: channels of the levels that come in, and of those that go out.
        num_blocks: number of blocks.
        zero_init_offset: the first offsets are 0: the deformable convolutions start as plain ones.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Normal', layer='Conv2d', std=0.01)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_blocks: int = 6,
        zero_init_offset: bool = True,
    ) -> None:
        super().__init__()
        self.zero_init_offset = zero_init_offset
        widths = [in_channels, *[out_channels] * (num_blocks - 1)]
        self.dyhead_blocks = nn.Sequential(*(DyHeadBlock(w, out_channels) for w in widths))

    def init_weights(self) -> None:
        super().init_weights()
        if self.zero_init_offset:
            for block in self.dyhead_blocks:
                nn.init.zeros_(block.spatial_conv_offset.weight)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Levels (N, in_channels, H_i, W_i), each half the one before -> as many of the same sizes.

        Raises:
            ConfigError: a level is smaller than half of the one before it.
        """
        return self.dyhead_blocks(feats)


class DyHeadBlock(nn.Module):
    """One look at the own level, the shallower and the deeper one (figure 1, section 3.2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.spatial_conv_high = SpatialConv(in_channels, out_channels)
        self.spatial_conv_mid = SpatialConv(in_channels, out_channels)
        self.spatial_conv_low = SpatialConv(in_channels, out_channels, stride=2)
        self.spatial_conv_offset = Conv2d(in_channels, 3 * _TAPS, 3, padding=1)
        self.scale_attn_module = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), Conv2d(out_channels, 1, 1), nn.ReLU(inplace=True), HSigmoid()
        )
        self.task_attn_module = DyReLU(out_channels)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        outs = []
        for level, feat in enumerate(feats):
            offset, mask = self.spatial_conv_offset(feat).split([2 * _TAPS, _TAPS], dim=1)
            where = offset, mask.sigmoid()
            seen = [self.spatial_conv_mid(feat, *where)]
            if level > 0:
                seen.append(self.spatial_conv_low(feats[level - 1], *where))
            if level < len(feats) - 1:
                deeper = self.spatial_conv_high(feats[level + 1], *where)
                size = feat.shape[-2:]
                seen.append(F.interpolate(deeper, size, mode='bilinear', align_corners=True))
            weighted = [one * self.scale_attn_module(one) for one in seen]
            outs.append(self.task_attn_module(sum(weighted) / len(weighted)))
        return outs


class SpatialConv(nn.Module):
    """A deformable 3x3 convolution whose offsets another level gives, and group norm."""

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = DeformConv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm = GroupNorm(16, out_channels)

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor) -> Tensor:
        """A map (N, C, H, W), offsets and mask of a level -> the map convolved, at its stride."""
        size = [(side - 1) // self.conv.stride + 1 for side in x.shape[-2:]]
        return self.norm(self.conv(x, _first_cells(offset, size), _first_cells(mask, size)))


def _first_cells(t: Tensor, size: Sequence[int]) -> Tensor:
    """Returns as many numbers of each image (C, H, W) as (C, h, w) has, and in that shape.

    The deeper level is smaller than the offsets it is given. The authors' kernel, mmcv's too, does
    not look at their shape: it reads the first numbers in memory. Trained weights rely on it.
    """
    if tuple(t.shape[-2:]) == tuple(size):
        return t
    channels, (height, width) = t.shape[1], size
    needed = channels * height * width
    if t[0].numel() < needed:
        raise ConfigError(
            f'DyHead: each level is half as large as the one before, rounded up; found '
            f'{tuple(t.shape[-2:])} beside {tuple(size)} (h, w), after its convolution'
        )
    # (N, C, H, W) -> (N, C * H * W) -> (N, C, h, w)
    return t.flatten(1)[:, :needed].unflatten(1, (channels, height, width))


class DyReLU(nn.Module):
    """The larger of two lines, whose slopes and offsets depend on the map (Chen et al. 2020)."""

    def __init__(self, channels: int, ratio: int = 4) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels // ratio, 1, act_cfg=dict(type='ReLU'))
        self.conv2 = ConvModule(channels // ratio, 4 * channels, 1, act_cfg=dict(type='HSigmoid'))

    def forward(self, x: Tensor) -> Tensor:
        coefficients = self.conv2(self.conv1(x.mean(dim=(2, 3), keepdim=True))) - 0.5
        slope1, offset1, slope2, offset2 = coefficients.chunk(4, dim=1)
        return torch.max(x * (1 + 2 * slope1) + offset1, x * (2 * slope2) + offset2)
