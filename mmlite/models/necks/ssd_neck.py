"""SSD's extra feature layers (Liu et al. 2016, section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule, DepthwiseSeparableConvModule, L2Norm
from mmlite.registry import NECKS


@NECKS.register_module()
class SSDNeck(BaseModule):
    """Passes the backbone's maps on and adds smaller ones: per level a 1x1, then a 3x3 convolution.

    Args:
        in_channels: channels of the backbone's maps.
        out_channels: channels of all levels; it starts with `in_channels`.
        level_strides, level_paddings: of the 3x3 convolution of each added level.
        l2_norm_scale: initial scale of the L2 norm on the first map; None for no L2 norm.
        last_kernel_size: kernel of the last added level; 4 in SSD512.
        use_depthwise: depthwise separable convolutions in place of the 3x3 ones, as in SSDLite.
        norm_cfg, act_cfg: normalisation (None for none) and activation (ReLU) of the added levels.
        conv_cfg: other convolutions, `dict(type='ConvWS')`; None for ordinary ones.
        init_cfg: an initialiser of mmengine; None draws by Xavier.
    """

    INIT_CFG: ClassVar[list] = [
        dict(type='Xavier', distribution='uniform', layer='Conv2d'),
        dict(type='Constant', val=1, layer='BatchNorm2d'),
    ]

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: Sequence[int],
        level_strides: Sequence[int],
        level_paddings: Sequence[int],
        *,
        l2_norm_scale: float | None = 20.0,
        last_kernel_size: int = 3,
        use_depthwise: bool = False,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        conv_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        num_inputs = len(in_channels)
        if list(out_channels[:num_inputs]) != list(in_channels):
            raise ConfigError(
                f'SSDNeck: out_channels {tuple(out_channels)} must start with in_channels '
                f'{tuple(in_channels)}: the first levels are passed on as they are'
            )
        if not len(level_strides) == len(level_paddings) == len(out_channels) - num_inputs > 0:
            raise ConfigError(
                f'SSDNeck: {len(out_channels) - num_inputs} levels are added, but there are '
                f'{len(level_strides)} level_strides and {len(level_paddings)} level_paddings'
            )
        if l2_norm_scale is not None:
            self.l2_norm = L2Norm(in_channels[0], l2_norm_scale)
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg or dict(type='ReLU'), conv_cfg=conv_cfg)
        second_conv = DepthwiseSeparableConvModule if use_depthwise else ConvModule
        self.extra_layers = nn.ModuleList()
        last = len(out_channels) - 1
        for level in range(num_inputs, len(out_channels)):
            channels = out_channels[level]
            self.extra_layers.append(
                nn.Sequential(
                    ConvModule(out_channels[level - 1], channels // 2, 1, **layers),
                    second_conv(
                        channels // 2,
                        channels,
                        last_kernel_size if level == last else 3,
                        level_strides[level - num_inputs],
                        level_paddings[level - num_inputs],
                        **layers,
                    ),
                )
            )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone -> these and the added ones, each smaller."""
        outs = list(feats)
        if hasattr(self, 'l2_norm'):
            outs[0] = self.l2_norm(outs[0])
        for layer in self.extra_layers:
            outs.append(layer(outs[-1]))
        return outs
