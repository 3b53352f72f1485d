"""DSSD's prediction module (Fu et al. 2017, arXiv 1701.06659, figure 2c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.registry import NECKS


class ResidualBlock(nn.Module):
    """Three 1x1 convolutions beside one: what they add up to, with ResNet's ReLU at the end."""

    def __init__(
        self, in_channels: int, channels: int, out_channels: int, norm_cfg: dict | None
    ) -> None:
        super().__init__()
        hidden = dict(norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        self.convs = nn.Sequential(
            ConvModule(in_channels, channels, 1, **hidden),
            ConvModule(channels, channels, 1, **hidden),
            ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg),
        )
        self.shortcut = ConvModule(in_channels, out_channels, 1, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.convs(x) + self.shortcut(x))


@NECKS.register_module()
class PredictionModule(BaseModule):
    """A residual block on each level, between the neck and the convolutions of an SSDHead.

    The last of the necks, see `SequentialNeck`: classes and boxes share it, so the head needs
    nothing but `in_channels=[out_channels] * levels`.

    Args:
        in_channels: channels of the levels.
        channels: of the convolutions inside.
        out_channels: channels of the levels that come out.
        norm_cfg: normalisation after each convolution; None for none.
        init_cfg: an initialiser of mmengine; None draws by Xavier.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Xavier', layer='Conv2d', distribution='uniform')

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int = 256,
        out_channels: int = 1024,
        *,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.blocks = nn.ModuleList(
            ResidualBlock(level_channels, channels, out_channels, norm_cfg)
            for level_channels in in_channels
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Levels (N, C_i, H_i, W_i) -> (N, out_channels, H_i, W_i) of each."""
        return [block(feat) for block, feat in zip(self.blocks, feats, strict=True)]
