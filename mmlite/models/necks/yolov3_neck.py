"""The neck of YOLOv3 (Redmon and Farhadi 2018, section 2.3): from the deepest map down.

State-dict keys are mmdet's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import LEAKY, ConvModule
from mmlite.models.necks.fpn import check_num_maps, upsampled
from mmlite.registry import NECKS


@NECKS.register_module()
class YOLOV3Neck(BaseModule):
    """Five convolutions at each level; what they give also grows and joins the next larger map.

    Args:
        num_scales: number of levels.
        in_channels: channels of the backbone's maps, the deepest first.
        out_channels: channels of each level, the deepest first.
        norm_cfg, act_cfg: normalisation and activation; None for none.
        init_cfg: an initialiser of mmengine; None draws by Kaiming.

    Raises:
        ConfigError: `in_channels` or `out_channels` has another number of levels.
    """

    deepest_first: ClassVar[bool] = True  # in `in_channels`, and in what comes out
    INIT_CFG: ClassVar[list] = [
        dict(type='Kaiming', layer='Conv2d', a=0.1, nonlinearity='leaky_relu'),
        dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
    ]

    def __init__(
        self,
        num_scales: int,
        in_channels: Sequence[int],
        out_channels: Sequence[int],
        norm_cfg: dict | None = dict(type='BN'),  # noqa: B006, never changed
        act_cfg: dict | None = LEAKY,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not num_scales == len(in_channels) == len(out_channels):
            raise ConfigError(
                f'YOLOV3Neck: one entry per level is expected, found num_scales={num_scales}, '
                f'{len(in_channels)} in_channels, {len(out_channels)} out_channels'
            )
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.num_scales = num_scales
        self.detect1 = DetectionBlock(in_channels[0], out_channels[0], layers)
        for i in range(1, num_scales):
            own, grown = in_channels[i], out_channels[i]
            self.add_module(f'conv{i}', ConvModule(out_channels[i - 1], grown, 1, **layers))
            self.add_module(f'detect{i + 1}', DetectionBlock(own + grown, grown, layers))

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone, largest first -> one of each, smallest first.

        Raises:
            ConfigError: the backbone gives another number of maps than `num_scales`.
        """
        check_num_maps(self, feats, self.num_scales)
        deepest, *larger = reversed(feats)
        outs = [self.detect1(deepest)]
        for i, feat in enumerate(larger, 1):
            grown = getattr(self, f'conv{i}')(outs[-1])
            grown = upsampled(grown, feat, dict(mode='nearest'))
            outs.append(getattr(self, f'detect{i + 1}')(torch.cat([grown, feat], dim=1)))
        return outs


class DetectionBlock(nn.Module):
    """1x1 convolutions to the channels of the level, and 3x3 to twice as many between them."""

    def __init__(self, in_channels: int, channels: int, layers: dict) -> None:
        super().__init__()
        self.conv1 = ConvModule(in_channels, channels, 1, **layers)
        self.conv2 = ConvModule(channels, 2 * channels, 3, padding=1, **layers)
        self.conv3 = ConvModule(2 * channels, channels, 1, **layers)
        self.conv4 = ConvModule(channels, 2 * channels, 3, padding=1, **layers)
        self.conv5 = ConvModule(2 * channels, channels, 1, **layers)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.children():
            x = conv(x)
        return x
