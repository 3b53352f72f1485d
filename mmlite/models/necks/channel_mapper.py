"""The same number of channels on every level, as DETR-like detectors and YOLOF's kin need it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.models.necks.fpn import check_num_maps
from mmlite.registry import NECKS

_RELU = dict(type='ReLU')


@NECKS.register_module()
class ChannelMapper(BaseModule):
    """A convolution on each map; levels beyond the backbone's by convolutions of stride 2.

    State-dict keys are mmdet's. (Deformable DETR, Zhu et al. 2020, appendix A.2.)

    Args:
        in_channels: channels of the backbone's maps.
        out_channels: channels of every level.
        kernel_size: of the convolutions that keep the size, odd.
        conv_cfg: other convolutions, `dict(type='ConvWS')`; None for ordinary ones.
        norm_cfg, act_cfg: normalisation and activation after all of them; None for none.
        bias: whether the convolutions have one; 'auto' where no normalisation follows.
        num_outs: number of levels; None for as many as the backbone gives.
        init_cfg: an initialiser of mmengine; None draws by Xavier.

    Raises:
        ConfigError: fewer levels than maps, or an even kernel.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Xavier', layer='Conv2d', distribution='uniform')

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        kernel_size: int = 3,
        conv_cfg: dict | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = _RELU,
        bias: bool | str = 'auto',
        num_outs: int | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        num_extra = 0 if num_outs is None else num_outs - len(in_channels)
        if num_extra < 0 or kernel_size % 2 == 0:
            raise ConfigError(
                f'ChannelMapper: num_outs={num_outs} is at least {len(in_channels)}, the length of '
                f'in_channels, and kernel_size={kernel_size} is odd'
            )
        layers = dict(
            norm_cfg=norm_cfg,
            act_cfg=act_cfg,
            conv_cfg=conv_cfg,
            bias=None if bias == 'auto' else bool(bias),
        )
        self.convs = nn.ModuleList(
            ConvModule(channels, out_channels, kernel_size, padding=kernel_size // 2, **layers)
            for channels in in_channels
        )
        widths = [in_channels[-1], *[out_channels] * num_extra]
        self.extra_convs = nn.ModuleList(
            ConvModule(*pair, 3, stride=2, padding=1, **layers) for pair in pairwise(widths)
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone -> `num_outs` maps (N, out_channels, h, w).

        Raises:
            ConfigError: the backbone gives another number of maps than `in_channels` has.
        """
        check_num_maps(self, feats, len(self.convs))
        outs = [conv(feat) for conv, feat in zip(self.convs, feats, strict=True)]
        deepest = feats[-1]
        for conv in self.extra_convs:
            deepest = conv(deepest)
            outs.append(deepest)
        return outs
