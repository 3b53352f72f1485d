"""Deformable convolutions (Dai et al. 2017; Zhu et al. 2018, section 3.2), by torchvision."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d


class DeformConv2d(nn.Module):
    """A convolution that is given, at each place, where to look and, if so, how much a look counts.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as
            nn.Conv2d.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
        padding: int = 0, dilation: int = 1, groups: int = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stride, self.padding, self.dilation = stride, padding, dilation
        kernel = (kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None
        # as mmcv draws it: the initialisers of a model say 'Conv2d', which this is not
        bound = 1 / math.sqrt(in_channels * kernel_size**2)
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, x: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, h, w).

        Args:
            x: the map.
            offset: (N, 2 * taps, h, w): how far each tap is moved, (y, x) in cells.
            mask: (N, taps, h, w), how much each counts; None for 1.
        """
        # in float32, as torchvision does it under CUDA's autocast: it has no kernel for bfloat16
        tensors = (x, offset, self.weight, self.bias, mask)
        seen, offset, weight, bias, mask = (t if t is None else t.float() for t in tensors)
        out = deform_conv2d(
            seen, offset, weight, bias, self.stride, self.padding, self.dilation, mask
        )
        return out.to(x.dtype)


class DeformConvPack(DeformConv2d):
    """A convolution that learns where to look.

    At each place a plain convolution, `conv_offset`, says for each of the k * k taps how far it is
    moved (y, x, in cells). It starts at 0: taps unmoved. State-dict keys are those of mmcv's DCN.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as
            nn.Conv2d.
        deform_groups: groups of input channels that have taps of their own.
    """

    of_a_tap = 2  # y and x

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1,
        padding: int = 0, dilation: int = 1, groups: int = 1, bias: bool = True,
        deform_groups: int = 1,
    ) -> None:  # fmt: skip
        where = (kernel_size, stride, padding, dilation)
        super().__init__(in_channels, out_channels, *where, groups, bias)
        self.num_taps = deform_groups * kernel_size**2
        self.conv_offset = OffsetConv(in_channels, self.of_a_tap * self.num_taps, *where)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, h, w)."""
        return super().forward(x, self.conv_offset(x))


class ModulatedDeformConv2d(DeformConvPack):
    """A convolution that learns where to look, and how much each look counts.

    `conv_offset` also says how much a tap counts (through a sigmoid), a half at first. State-dict
    keys are those of mmcv's DCNv2; arguments as DeformConvPack.
    """

    of_a_tap = 3  # y, x, and how much it counts

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, h, w)."""
        offset, mask = self.conv_offset(x).split([2 * self.num_taps, self.num_taps], dim=1)
        return DeformConv2d.forward(self, x, offset, mask.sigmoid())


class OffsetConv(nn.Module):
    """A convolution that starts at 0 and is no nn.Conv2d: a model's initialiser would draw it."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int,
        padding: int, dilation: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.weight = nn.Parameter(torch.zeros(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation)
