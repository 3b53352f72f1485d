"""What CSPDarknet and CSPNeXt are made of, and the necks that go with them. Keys are mmdet's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmlite.models.layers import Conv2d, ConvModule, DepthwiseSeparableConvModule

# YOLOX' normalisation and activation
YOLOX_BN = dict(type='BN', momentum=0.03, eps=0.001)
SWISH = dict(type='Swish')

# how torch itself draws a convolution
KAIMING_UNIFORM = dict(
    type='Kaiming',
    layer='Conv2d',
    a=math.sqrt(5),
    distribution='uniform',
    mode='fan_in',
    nonlinearity='leaky_relu',
)


def conv_module(use_depthwise: bool) -> type[nn.Module]:
    """Returns the class of the convolutions larger than 1x1."""
    return DepthwiseSeparableConvModule if use_depthwise else ConvModule


class DarknetBottleneck(nn.Module):
    """1x1, 3x3 and a shortcut (YOLOv3, Redmon and Farhadi 2018, section 2.4)."""

    def __init__(
        self, channels: int, use_shortcut: bool, use_depthwise: bool, norm_cfg: dict, act_cfg: dict
    ) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.conv1 = ConvModule(channels, channels, 1, **layers)
        self.conv2 = conv_module(use_depthwise)(channels, channels, 3, padding=1, **layers)
        self.use_shortcut = use_shortcut

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.conv1(x))
        return x + out if self.use_shortcut else out


class CSPNeXtBlock(DarknetBottleneck):
    """3x3, then 5x5 within each channel, and a shortcut (RTMDet, Lyu et al. 2022, section 3.2)."""

    def __init__(
        self, channels: int, use_shortcut: bool, use_depthwise: bool, norm_cfg: dict, act_cfg: dict
    ) -> None:
        nn.Module.__init__(self)
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.conv1 = conv_module(use_depthwise)(channels, channels, 3, padding=1, **layers)
        self.conv2 = DepthwiseSeparableConvModule(channels, channels, 5, padding=2, **layers)
        self.use_shortcut = use_shortcut


class ChannelAttention(nn.Module):
    """Scales each channel by what the mean of all channels says (Hu et al. 2018, section 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc = Conv2d(channels, channels, 1)
        self.act = nn.Hardsigmoid(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.act(self.fc(x.mean(dim=(2, 3), keepdim=True)))


class CSPLayer(nn.Module):
    """One half of the channels goes through blocks, the other around them (Wang et al. 2020, 3.1).

    Args:
        in_channels, out_channels: of the maps (N, C, H, W), whose size stays.
        num_blocks: blocks behind each other.
        block: their class.
        expand_ratio: share of `out_channels` in each half.
        use_shortcut: the blocks add their input.
        use_depthwise: depthwise separable convolutions in the blocks.
        channel_attention: `ChannelAttention` on both halves together.
        norm_cfg, act_cfg: after all convolutions.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        num_blocks: int,
        *,
        norm_cfg: dict,
        act_cfg: dict,
        block: type[DarknetBottleneck] = DarknetBottleneck,
        expand_ratio: float = 0.5,
        use_shortcut: bool = True,
        use_depthwise: bool = False,
        channel_attention: bool = False,
    ) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        channels = int(out_channels * expand_ratio)
        self.main_conv = ConvModule(in_channels, channels, 1, **layers)
        self.short_conv = ConvModule(in_channels, channels, 1, **layers)
        self.final_conv = ConvModule(2 * channels, out_channels, 1, **layers)
        self.blocks = nn.Sequential(
            *(block(channels, use_shortcut, use_depthwise, **layers) for _ in range(num_blocks))
        )
        self.attention = ChannelAttention(2 * channels) if channel_attention else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.blocks(self.main_conv(x)), self.short_conv(x)], dim=1)
        return self.final_conv(self.attention(both))


class SPPBottleneck(nn.Module):
    """Each cell sees the maximum of squares around it as well (SPP: He et al. 2015, section 2.2).

    Args:
        channels: of the maps (N, C, H, W), whose size stays.
        kernel_sizes: sides of the squares, odd.
        norm_cfg, act_cfg: after both convolutions.
    """

    def __init__(
        self, channels: int, kernel_sizes: Sequence[int], norm_cfg: dict, act_cfg: dict
    ) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        half = channels // 2
        self.conv1 = ConvModule(channels, half, 1, **layers)
        self.poolings = nn.ModuleList(nn.MaxPool2d(k, 1, padding=k // 2) for k in kernel_sizes)
        self.conv2 = ConvModule(half * (len(kernel_sizes) + 1), channels, 1, **layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return self.conv2(torch.cat([x, *(pooling(x) for pooling in self.poolings)], dim=1))
