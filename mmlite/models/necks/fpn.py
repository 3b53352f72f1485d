"""Feature pyramid (Lin et al. 2017): every level sees what the deeper ones know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError, did_you_mean
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.registry import NECKS

_EXTRA_SOURCES = ('on_input', 'on_lateral', 'on_output')


@NECKS.register_module()
class FPN(BaseModule):
    """A 1x1 convolution on each of the backbone's maps, the deeper map added, a 3x3 convolution.

    Args:
        in_channels: channels of the backbone's maps.
        out_channels: channels of every level.
        num_outs: number of levels; those beyond the backbone's are made from the last.
        start_level, end_level: first and last of the backbone's maps used; -1 is the last there is.
        add_extra_convs: how extra levels are made: False by subsampling; 'on_input' (or True),
            'on_lateral' or 'on_output' by convolutions of stride 2 on that map (RetinaNet, FCOS).
        relu_before_extra_convs: a ReLU before each of these but the first.
        no_norm_on_lateral: no normalisation after the 1x1 convolutions.
        norm_cfg, act_cfg: normalisation and activation after all convolutions; None for none.
        conv_cfg: other convolutions, `dict(type='ConvWS')`; None for ordinary ones.
        upsample_cfg: how the deeper map grows: arguments of `torch.nn.functional.interpolate`;
            without `scale_factor` it takes the size of the next map.
        init_cfg: an initialiser of mmengine; None draws by Xavier.

    Raises:
        ConfigError: the levels do not fit together.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Xavier', layer='Conv2d', distribution='uniform')

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        *,
        start_level: int = 0,
        end_level: int = -1,
        add_extra_convs: bool | str = False,
        relu_before_extra_convs: bool = False,
        no_norm_on_lateral: bool = False,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        conv_cfg: dict | None = None,
        upsample_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        last = len(in_channels) - 1 if end_level == -1 else end_level
        num_extra = num_outs - (last - start_level + 1)
        _check_levels(in_channels, num_outs, start_level, last, num_extra)
        self.num_inputs = len(in_channels)
        self.used = slice(start_level, last + 1)
        self.num_extra = num_extra
        self.extra_source = _extra_source(add_extra_convs)
        self.relu_before_extra_convs = relu_before_extra_convs
        self.upsample_cfg = dict(upsample_cfg or dict(mode='nearest'))

        used_channels = in_channels[self.used]
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg, conv_cfg=conv_cfg)
        lateral = dict(layers, norm_cfg=None) if no_norm_on_lateral else layers
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, out_channels, 1, **lateral) for channels in used_channels
        )
        self.fpn_convs = nn.ModuleList(
            ConvModule(out_channels, out_channels, 3, padding=1, **layers) for _ in used_channels
        )
        if self.extra_source is not None:
            first = used_channels[-1] if self.extra_source == 'on_input' else out_channels
            for channels in [first, *[out_channels] * num_extra][:num_extra]:
                extra = ConvModule(channels, out_channels, 3, stride=2, padding=1, **layers)
                self.fpn_convs.append(extra)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone -> `num_outs` maps (N, out_channels, h, w).

        Raises:
            ConfigError: the backbone gives another number of maps than `in_channels` has.
        """
        check_num_maps(self, feats, self.num_inputs)
        used = feats[self.used]
        laterals = [conv(feat) for conv, feat in zip(self.lateral_convs, used, strict=True)]
        for i in range(len(laterals) - 1, 0, -1):
            deeper = upsampled(laterals[i], laterals[i - 1], self.upsample_cfg)
            laterals[i - 1] = laterals[i - 1] + deeper
        outs = self.outputs(laterals)
        if self.extra_source is None:
            for _ in range(self.num_extra):
                outs.append(F.max_pool2d(outs[-1], 1, stride=2))
            return outs
        extra = dict(on_input=used[-1], on_lateral=laterals[-1], on_output=outs[-1])[
            self.extra_source
        ]
        for i, conv in enumerate(self.fpn_convs[len(laterals) :]):
            extra = conv(F.relu(extra) if i and self.relu_before_extra_convs else extra)
            outs.append(extra)
        return outs

    def outputs(self, laterals: Sequence[Tensor]) -> list[Tensor]:
        """The summed maps, each (N, out_channels, H_i, W_i), to levels of the same sizes."""
        convs = self.fpn_convs[: len(laterals)]
        return [conv(lateral) for conv, lateral in zip(convs, laterals, strict=True)]


def check_num_maps(neck: nn.Module, feats: Sequence[Tensor], expected: int) -> None:
    """Raises ConfigError where a backbone gives another number of maps than a neck is made for."""
    if len(feats) != expected:
        raise ConfigError(
            f'{type(neck).__name__}: in_channels has {expected} levels, the backbone gives '
            f'{len(feats)} maps; set its out_indices, or in_channels'
        )


def upsampled(deeper: Tensor, like: Tensor, upsample_cfg: dict) -> Tensor:
    """Returns a map (N, C, h, w) grown by `scale_factor`, or else to the size of `like`."""
    size = None if 'scale_factor' in upsample_cfg else like.shape[-2:]
    return F.interpolate(deeper, size, **upsample_cfg)


def _extra_source(add_extra_convs: bool | str) -> str | None:
    if isinstance(add_extra_convs, bool):
        return 'on_input' if add_extra_convs else None
    if add_extra_convs not in _EXTRA_SOURCES:
        raise ConfigError(
            f'FPN: add_extra_convs is False, True or one of {_EXTRA_SOURCES}, found '
            f'{add_extra_convs!r}.{did_you_mean(str(add_extra_convs), _EXTRA_SOURCES)}'
        )
    return add_extra_convs


def _check_levels(
    in_channels: Sequence[int], num_outs: int, first: int, last: int, num_extra: int
) -> None:
    if not 0 <= first <= last < len(in_channels):
        raise ConfigError(
            f'FPN: start_level {first} and end_level {last} must lie within the '
            f'{len(in_channels)} levels of in_channels {tuple(in_channels)}'
        )
    if num_extra < 0 or (num_extra > 0 and last < len(in_channels) - 1):
        raise ConfigError(
            f'FPN: levels {first} to {last} of {len(in_channels)} cannot become num_outs='
            f'{num_outs}: at least {last - first + 1} come out, and extra levels follow the '
            "backbone's last only"
        )
