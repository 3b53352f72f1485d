"""The dilated encoder of YOLOF (Chen et al. 2021, section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from mmengine.model import initialize
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import Conv2d, ConvModule, conv_norm
from mmlite.models.norms import BatchNorm2d
from mmlite.registry import NECKS


@NECKS.register_module()
class DilatedEncoder(BaseModule):
    """Bottlenecks of growing dilation on the last map: one level for objects of all sizes.

    State-dict keys are mmdet's.

    Args:
        in_channels: channels of the backbone's last map.
        out_channels: channels of the only level.
        block_mid_channels: channels inside the bottlenecks.
        num_residual_blocks: number of bottlenecks.
        block_dilations: dilation of each.

    Raises:
        ConfigError: another number of dilations than of bottlenecks.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Caffe2Xavier', layer='Conv2d')
    reads_last_map: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        block_mid_channels: int,
        num_residual_blocks: int,
        block_dilations: Sequence[int],
    ) -> None:
        super().__init__()
        if len(block_dilations) != num_residual_blocks:
            raise ConfigError(
                f'DilatedEncoder: num_residual_blocks={num_residual_blocks} needs as many '
                f'block_dilations, found {list(block_dilations)}'
            )
        self.lateral_conv = Conv2d(in_channels, out_channels, 1)
        self.lateral_norm = BatchNorm2d(out_channels)
        self.fpn_conv = Conv2d(out_channels, out_channels, 3, padding=1)
        self.fpn_norm = BatchNorm2d(out_channels)
        self.dilated_encoder_blocks = nn.Sequential(
            *(DilatedBottleneck(out_channels, block_mid_channels, rate) for rate in block_dilations)
        )

    def init_weights(self) -> None:
        super().init_weights()
        blocks = dict(type='Normal', layer='Conv2d', std=0.01)  # each starts near its shortcut
        initialize(self.dilated_encoder_blocks, blocks)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """The last of the maps (N, C, H, W) of the backbone -> one map (N, out_channels, H, W)."""
        out = conv_norm(self.lateral_conv, self.lateral_norm, feats[-1])
        out = conv_norm(self.fpn_conv, self.fpn_norm, out)
        return [self.dilated_encoder_blocks(out)]


class DilatedBottleneck(nn.Module):
    """1x1, a dilated 3x3, 1x1, each with batch norm and ReLU; and a shortcut (figure 5)."""

    def __init__(self, channels: int, mid_channels: int, dilation: int) -> None:
        super().__init__()
        layers = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'))
        self.conv1 = ConvModule(channels, mid_channels, 1, **layers)
        self.conv2 = ConvModule(
            mid_channels, mid_channels, 3, padding=dilation, dilation=dilation, **layers
        )
        self.conv3 = ConvModule(mid_channels, channels, 1, **layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv3(self.conv2(self.conv1(x)))
