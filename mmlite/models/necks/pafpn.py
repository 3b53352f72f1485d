"""PANet's bottom-up path behind a feature pyramid (Liu et al. 2018, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mmlite.models.layers import ConvModule
from mmlite.models.necks.fpn import FPN
from mmlite.registry import NECKS


@NECKS.register_module()
class PAFPN(FPN):
    """An FPN whose levels see the shallower ones too: each one halved is added to the next.

    Args:
        in_channels, out_channels, num_outs, start_level, end_level, add_extra_convs,
            relu_before_extra_convs, no_norm_on_lateral, norm_cfg, act_cfg, conv_cfg, init_cfg: as
            in `FPN`.

    Raises:
        ConfigError: the levels do not fit together.
    """

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
        init_cfg: dict | list | None = None,
    ) -> None:
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg, conv_cfg=conv_cfg)
        super().__init__(
            in_channels, out_channels, num_outs, start_level=start_level, end_level=end_level,
            add_extra_convs=add_extra_convs, relu_before_extra_convs=relu_before_extra_convs,
            no_norm_on_lateral=no_norm_on_lateral, **layers, init_cfg=init_cfg,
        )  # fmt: skip
        channels, steps = (out_channels, out_channels, 3), range(len(self.lateral_convs) - 1)
        self.downsample_convs = nn.ModuleList(
            ConvModule(*channels, stride=2, padding=1, **layers) for _ in steps
        )
        self.pafpn_convs = nn.ModuleList(ConvModule(*channels, padding=1, **layers) for _ in steps)

    def outputs(self, laterals: Sequence[Tensor]) -> list[Tensor]:
        """The summed maps, each (N, out_channels, H_i, W_i), to levels of the same sizes."""
        summed, *deeper = super().outputs(laterals)
        outs = [summed]
        steps = zip(deeper, self.downsample_convs, self.pafpn_convs, strict=True)
        for level, downsample, conv in steps:
            summed = level + downsample(summed)
            outs.append(conv(summed))
        return outs
