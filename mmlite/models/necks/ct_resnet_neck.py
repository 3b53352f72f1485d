"""The neck of CenterNet on a ResNet (Zhou et al. 2019, section 5): back to a stride of 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.models.norms import BatchNorm2d
from mmlite.registry import NECKS


@NECKS.register_module()
class CTResNetNeck(BaseModule):
    """Pairs of a 3x3 convolution and a transposed one, which doubles the map, on the last map.

    State-dict keys are mmdet's.

    Args:
        in_channels: channels of the backbone's last map.
        num_deconv_filters: channels after each pair.
        num_deconv_kernels: side of the kernel of each transposed convolution; 4 doubles the map.
        use_dcn: the 3x3 convolutions are deformable (DCNv2).

    Raises:
        ConfigError: the two lists have different lengths.
    """

    reads_last_map: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        num_deconv_filters: Sequence[int],
        num_deconv_kernels: Sequence[int],
        use_dcn: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if len(num_deconv_filters) != len(num_deconv_kernels):
            raise ConfigError(
                f'CTResNetNeck: one of num_deconv_kernels for each of num_deconv_filters is '
                f'expected, found {list(num_deconv_kernels)} for {list(num_deconv_filters)}'
            )
        conv_cfg = dict(type='DCNv2') if use_dcn else None
        act = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'))
        layers: list[nn.Module] = []
        for channels, kernel in zip(num_deconv_filters, num_deconv_kernels, strict=True):
            layers.append(ConvModule(in_channels, channels, 3, padding=1, conv_cfg=conv_cfg, **act))
            layers.append(Doubling(channels, kernel))
            in_channels = channels
        self.deconv_layers = nn.Sequential(*layers)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """The last of the maps (N, C, H, W) -> one map, (N, C', 8 H, 8 W) after three pairs."""
        return [self.deconv_layers(feats[-1])]


class Doubling(nn.Module):
    """A transposed convolution of stride 2, batch norm and ReLU: (N, C, H, W) -> (N, C, 2 H, 2 W).

    As in the authors' code, the first channel starts as the bilinear enlargement of the sum of all.

    Args:
        channels: C.
        kernel_size: side of the kernel; 4 doubles the map, others give 2 H + kernel_size - 4 rows.
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, channels, kernel_size, 2, padding=1, bias=False)
        self.bn = BatchNorm2d(channels)
        with torch.no_grad():
            self.conv.weight[:, 0] = bilinear_kernel(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu()


def bilinear_kernel(size: int) -> Tensor:
    """The kernel (size, size) of a transposed convolution that enlarges bilinearly."""
    reach = (size + 1) // 2
    centre = (2 * reach - 1 - reach % 2) / (2 * reach)
    slope = 1 - (torch.arange(size) / reach - centre).abs()
    return slope[:, None] * slope
