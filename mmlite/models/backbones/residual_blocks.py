"""The blocks of ResNet (He et al. 2015) and ResNeXt (Xie et al. 2017); keys are torchvision's."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mmlite.models.layers import build_norm, conv_class, conv_norm


class Block(nn.Module):
    """What both blocks share: norm layers are named as mmdet names them, `bn1` or `gn1`."""

    def add_norm(self, number: int, norm_cfg: dict, channels: int) -> None:
        self.norm_name, norm = build_norm(norm_cfg, channels)
        self.add_module(f'{self.norm_name}{number}', norm)

    def conv_norm(self, number: int, x: Tensor) -> Tensor:
        norm = getattr(self, f'{self.norm_name}{number}')
        return conv_norm(getattr(self, f'conv{number}'), norm, x)

    def last_norm(self) -> nn.Module:
        return getattr(self, f'{self.norm_name}{3 if hasattr(self, "conv3") else 2}')


class BasicBlock(Block):
    """Two 3x3 convolutions and a shortcut (figure 5, left)."""

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, width: int, groups: int, stride: int,
        dilation: int, style: str, conv_cfg: dict | None, norm_cfg: dict, dcn: dict | None,
    ) -> None:  # fmt: skip
        super().__init__()
        wide = dict(padding=dilation, dilation=dilation)
        self.conv1 = conv_class(conv_cfg)(in_channels, channels, 3, stride, **wide, bias=False)
        self.add_norm(1, norm_cfg, channels)
        self.conv2 = conv_class(conv_cfg)(channels, channels, 3, padding=1, bias=False)
        self.add_norm(2, norm_cfg, channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, channels, stride, conv_cfg, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv_norm(2, self.relu(self.conv_norm(1, x)))
        out += x if self.downsample is None else conv_norm(*self.downsample, x)
        return self.relu(out)


class Bottleneck(Block):
    """1x1, 3x3, 1x1 convolutions and a shortcut (figure 5, right).

    The 3x3 convolution has `width` channels in `groups`, and may be dilated or deformable. The
    stride sits on it for style 'pytorch', on the first 1x1 for 'caffe'.
    """

    expansion = 4

    def __init__(
        self, in_channels: int, channels: int, width: int, groups: int, stride: int,
        dilation: int, style: str, conv_cfg: dict | None, norm_cfg: dict, dcn: dict | None,
    ) -> None:  # fmt: skip
        super().__init__()
        first, second = (1, stride) if style == 'pytorch' else (stride, 1)
        out_channels = channels * self.expansion
        wide = dict(padding=dilation, dilation=dilation, groups=groups)
        self.conv1 = conv_class(conv_cfg)(in_channels, width, 1, first, bias=False)
        self.add_norm(1, norm_cfg, width)
        self.conv2 = conv_class(dcn or conv_cfg)(width, width, 3, second, **wide, bias=False)
        self.add_norm(2, norm_cfg, width)
        self.conv3 = conv_class(conv_cfg)(width, out_channels, 1, bias=False)
        self.add_norm(3, norm_cfg, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, out_channels, stride, conv_cfg, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.conv_norm(1, x))
        out = self.conv_norm(3, self.relu(self.conv_norm(2, out)))
        out += x if self.downsample is None else conv_norm(*self.downsample, x)
        return self.relu(out)


def stage_of_blocks(
    block: type[Block], count: int, in_channels: int, channels: int, width: int, groups: int,
    stride: int, *layers: Any,
) -> list[nn.Module]:  # fmt: skip
    """Returns `count` blocks, each on what the one before it returns; the first has the stride.

    Args:
        block: the class of all of them.
        count: how many.
        in_channels, channels, width, groups, stride, layers: as the blocks have them.
    """
    inner = channels * block.expansion
    first = block(in_channels, channels, width, groups, stride, *layers)
    others = (block(inner, channels, width, groups, 1, *layers) for _ in range(count - 1))
    return [first, *others]


def shortcut(
    in_channels: int, out_channels: int, stride: int, conv_cfg: dict | None, norm_cfg: dict
) -> nn.Sequential | None:
    """Returns the 1x1 convolution and norm of a block whose input has another shape, or None."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        conv_class(conv_cfg)(in_channels, out_channels, 1, stride, bias=False),
        build_norm(norm_cfg, out_channels)[1],
    )
