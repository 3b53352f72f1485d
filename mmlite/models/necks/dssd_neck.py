"""DSSD's way back from the deepest level (Fu et al. 2017, arXiv 1701.06659, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.registry import NECKS


class DeconvModule(nn.Module):
    """Doubles the deeper map and multiplies it into the finer one (figure 3).

    Args:
        deep_channels, fine_channels: of the two maps.
        out_channels: of all its layers.
        kernel_size: of the deconvolution of stride 2; it makes 2n of n cells with 2, 2n + 1 with 3.
        norm_cfg: normalisation after the 3x3 convolutions; None for none.
    """

    def __init__(
        self,
        deep_channels: int,
        fine_channels: int,
        out_channels: int,
        kernel_size: int,
        norm_cfg: dict | None,
    ) -> None:
        super().__init__()
        layers = dict(kernel_size=3, padding=1, norm_cfg=norm_cfg)
        self.deconv = nn.ConvTranspose2d(deep_channels, out_channels, kernel_size, stride=2)
        self.deep_conv = ConvModule(out_channels, out_channels, **layers)
        self.fine_convs = nn.Sequential(
            ConvModule(fine_channels, out_channels, **layers, act_cfg=dict(type='ReLU')),
            ConvModule(out_channels, out_channels, **layers),
        )

    def forward(self, deep: Tensor, fine: Tensor) -> Tensor:
        """Maps (N, C, h, w) and (N, C', H, W) -> (N, out_channels, H, W).

        H is 2h, or 2h - 1 where the way down has rounded up: the last row is cut off then.

        Raises:
            ConfigError: the deconvolution makes fewer rows or columns than the finer map has.
        """
        height, width = fine.shape[-2:]
        grown = self.deconv(deep)[..., :height, :width]
        if grown.shape[-2:] != fine.shape[-2:]:
            raise ConfigError(
                f'DSSDNeck: a level of {_size(deep)} grows to {_size(grown)}, the finer one has '
                f'{_size(fine)} (w x h). Steps double; only the first, from the last level, makes '
                '2n + 1 of n, with last_kernel_size=3'
            )
        return F.relu(self.deep_conv(grown) * self.fine_convs(fine))


@NECKS.register_module()
class DSSDNeck(BaseModule):
    """Replaces every level but the last by what a DeconvModule makes of it and the deeper ones.

    It follows an SSDNeck, see `SequentialNeck`.

    Args:
        in_channels: channels of the levels.
        out_channels: channels of all levels that come out, but the last, which is passed on.
        last_kernel_size: of the deconvolution of the last level: 3 where it grows from 1x1 to 3x3,
            as in DSSD321, 2 where it doubles, as in DSSD513.
        norm_cfg: normalisation after all 3x3 convolutions, batch norm in the paper; None for none.
        init_cfg: an initialiser of mmengine; None draws by Xavier.

    Raises:
        ConfigError: a level is not about twice the next.
    """

    INIT_CFG: ClassVar[dict] = dict(
        type='Xavier', layer=['Conv2d', 'ConvTranspose2d'], distribution='uniform'
    )

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 512,
        *,
        last_kernel_size: int = 3,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        count = len(in_channels) - 1
        deep = [in_channels[-1], *[out_channels] * count][:count]
        kernels = [last_kernel_size, *[2] * count][:count]
        fine = in_channels[-2::-1]
        self.deconv_modules = nn.ModuleList(
            DeconvModule(deep_channels, fine_channels, out_channels, kernel_size, norm_cfg)
            for deep_channels, fine_channels, kernel_size in zip(deep, fine, kernels, strict=True)
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Levels (N, C_i, H_i, W_i), large to small -> as many of the same sizes."""
        outs = [feats[-1]]
        for module, fine in zip(self.deconv_modules, feats[-2::-1], strict=True):
            outs.append(module(outs[-1], fine))
        return outs[::-1]


def _size(feat: Tensor) -> str:
    return f'{feat.shape[-1]}x{feat.shape[-2]}'
