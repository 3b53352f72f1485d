"""The path aggregation of YOLOX (Ge et al. 2021) and RTMDet (Lyu et al. 2022), of CSP layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from mmlite.models.base_module import BaseModule
from mmlite.models.csp_layer import (
    KAIMING_UNIFORM,
    SWISH,
    YOLOX_BN,
    CSPLayer,
    CSPNeXtBlock,
    conv_module,
)
from mmlite.models.layers import ConvModule
from mmlite.models.necks.fpn import check_num_maps, upsampled
from mmlite.registry import NECKS


class CSPPAFPN(BaseModule):
    """PANet (Liu et al. 2018, section 3.1): down from the deepest map, then up again.

    Maps are concatenated, and a CSP layer makes one of two. State-dict keys are mmdet's.

    Args:
        in_channels: channels of the backbone's maps.
        csp_layer: called with channels in and out.
        out_conv: called with channels in; a convolution to the channels of every level.
        use_depthwise: of the convolutions that halve a map.
        layers: `norm_cfg` and `act_cfg`.
        upsample_cfg: as in `FPN`.
        init_cfg: an initialiser of mmengine; None draws as torch itself does.
    """

    INIT_CFG = KAIMING_UNIFORM

    def __init__(
        self,
        in_channels: Sequence[int],
        csp_layer: Callable[[int, int], nn.Module],
        out_conv: Callable[[int], nn.Module],
        use_depthwise: bool,
        layers: dict,
        upsample_cfg: dict | None,
        init_cfg: dict | list | None,
    ) -> None:
        super().__init__(init_cfg)
        self.num_inputs = len(in_channels)
        self.upsample_cfg = dict(upsample_cfg or dict(mode='nearest'))
        steps = list(pairwise(in_channels))  # of each map and the deeper one
        down = steps[::-1]
        self.reduce_layers = nn.ModuleList(
            ConvModule(deeper, own, 1, **layers) for own, deeper in down
        )
        self.top_down_blocks = nn.ModuleList(csp_layer(2 * own, own) for own, _ in down)
        self.downsamples = nn.ModuleList(
            conv_module(use_depthwise)(own, own, 3, stride=2, padding=1, **layers)
            for own, _ in steps
        )
        self.bottom_up_blocks = nn.ModuleList(csp_layer(2 * own, deeper) for own, deeper in steps)
        self.out_convs = nn.ModuleList(out_conv(channels) for channels in in_channels)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone -> as many (N, out_channels, H_i, W_i).

        Raises:
            ConfigError: the backbone gives another number of maps than `in_channels` has.
        """
        check_num_maps(self, feats, self.num_inputs)
        *shallower, deep = feats
        inner = []  # deepest first
        down = zip(self.reduce_layers, self.top_down_blocks, reversed(shallower), strict=True)
        for reduce, block, feat in down:
            inner.append(reduce(deep))
            grown = upsampled(inner[-1], feat, self.upsample_cfg)
            deep = block(torch.cat([grown, feat], dim=1))
        outs = [deep]
        up = zip(self.downsamples, self.bottom_up_blocks, reversed(inner), strict=True)
        for downsample, block, feat in up:
            outs.append(block(torch.cat([downsample(outs[-1]), feat], dim=1)))
        return [conv(out) for conv, out in zip(self.out_convs, outs, strict=True)]


@NECKS.register_module()
class YOLOXPAFPN(CSPPAFPN):
    """The neck of YOLOX.

    Args:
        in_channels: channels of the backbone's maps.
        out_channels: channels of every level.
        num_csp_blocks: blocks of each CSP layer.
        use_depthwise: depthwise separable convolutions in place of the 3x3 ones (YOLOX-Nano).
        upsample_cfg: how a deeper map grows: arguments of `torch.nn.functional.interpolate`;
            without `scale_factor` it takes the size of the next map.
        norm_cfg, act_cfg: normalisation and activation; None for none.
        init_cfg: an initialiser of mmengine; None draws as torch itself does.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_csp_blocks: int = 3,
        use_depthwise: bool = False,
        upsample_cfg: dict | None = None,
        norm_cfg: dict | None = YOLOX_BN,
        act_cfg: dict | None = SWISH,
        init_cfg: dict | list | None = None,
    ) -> None:
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        csp_layer = partial(
            CSPLayer,
            num_blocks=num_csp_blocks,
            use_shortcut=False,
            use_depthwise=use_depthwise,
            **layers,
        )
        super().__init__(
            in_channels,
            csp_layer,
            lambda channels: ConvModule(channels, out_channels, 1, **layers),
            use_depthwise,
            layers,
            upsample_cfg,
            init_cfg,
        )


@NECKS.register_module()
class CSPNeXtPAFPN(CSPPAFPN):
    """The neck of RTMDet: blocks of CSPNeXt, and 3x3 convolutions at the end.

    Args:
        in_channels, out_channels, num_csp_blocks, use_depthwise, upsample_cfg, norm_cfg, act_cfg,
            init_cfg: as in `YOLOXPAFPN`.
        expand_ratio: share of the channels in each half of a CSP layer.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_csp_blocks: int = 3,
        use_depthwise: bool = False,
        expand_ratio: float = 0.5,
        upsample_cfg: dict | None = None,
        norm_cfg: dict | None = YOLOX_BN,
        act_cfg: dict | None = SWISH,
        init_cfg: dict | list | None = None,
    ) -> None:
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        conv = conv_module(use_depthwise)
        csp_layer = partial(
            CSPLayer,
            num_blocks=num_csp_blocks,
            block=CSPNeXtBlock,
            expand_ratio=expand_ratio,
            use_shortcut=False,
            use_depthwise=use_depthwise,
            **layers,
        )
        super().__init__(
            in_channels,
            csp_layer,
            lambda channels: conv(channels, out_channels, 3, padding=1, **layers),
            use_depthwise,
            layers,
            upsample_cfg,
            init_cfg,
        )
