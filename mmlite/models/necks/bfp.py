"""The balanced pyramid of Libra R-CNN (Pang et al. 2019, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.registry import NECKS

_REFINE_TYPES = (None, 'conv', 'non_local')


@NECKS.register_module()
class BFP(BaseModule):
    """The mean of all levels is refined, and added to each of them.

    It comes behind another neck: `neck=[dict(type='FPN', ...), dict(type='BFP', ...)]`. State-dict
    keys are mmdet's.

    Args:
        in_channels: channels of every level.
        num_levels: number of levels.
        refine_level: the level at whose size they are averaged.
        refine_type: 'conv' for a 3x3 convolution, 'non_local' for attention, None for nothing.
        norm_cfg: normalisation after the refining convolution; None for none.
        init_cfg: an initialiser of mmengine; None draws by Xavier.

    Raises:
        ConfigError: an unknown `refine_type`, or `refine_level` is not one of the levels.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Xavier', layer='Conv2d', distribution='uniform')

    def __init__(
        self,
        in_channels: int,
        num_levels: int,
        refine_level: int = 2,
        refine_type: str | None = None,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if refine_type not in _REFINE_TYPES:
            raise ConfigError(f'BFP: refine_type is one of {_REFINE_TYPES}, found {refine_type!r}')
        if not 0 <= refine_level < num_levels:
            raise ConfigError(
                f'BFP: refine_level is from 0 to {num_levels - 1}, as num_levels={num_levels}; '
                f'found {refine_level}'
            )
        self.num_levels = num_levels
        self.refine_level = refine_level
        self.refine = None
        if refine_type == 'conv':
            act_cfg = dict(type='ReLU')
            self.refine = ConvModule(
                in_channels, in_channels, 3, padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg
            )
        elif refine_type == 'non_local':
            self.refine = NonLocal2d(in_channels, norm_cfg)

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """`num_levels` maps (N, in_channels, h, w), largest first -> the same.

        Raises:
            ConfigError: another number of maps.
        """
        if len(feats) != self.num_levels:
            raise ConfigError(
                f'BFP: num_levels is {self.num_levels}, the neck before it gives {len(feats)} maps'
            )
        size = feats[self.refine_level].shape[-2:]
        gathered = [
            (F.adaptive_max_pool2d if level < self.refine_level else F.interpolate)(feat, size)
            for level, feat in enumerate(feats)
        ]
        mean = sum(gathered) / len(gathered)
        if self.refine is not None:
            mean = self.refine(mean)
        return [
            (F.interpolate if level < self.refine_level else F.adaptive_max_pool2d)(
                mean, feat.shape[-2:]
            )
            + feat
            for level, feat in enumerate(feats)
        ]


class NonLocal2d(nn.Module):
    """Each cell sees all others, by how alike they are (Wang et al. 2018, equation 6).

    Args:
        channels: of the map.
        norm_cfg: normalisation after the last convolution; None for none.
    """

    def __init__(self, channels: int, norm_cfg: dict | None) -> None:
        super().__init__()
        self.g = ConvModule(channels, channels, 1)
        self.theta = ConvModule(channels, channels, 1)
        self.phi = ConvModule(channels, channels, 1)
        self.conv_out = ConvModule(channels, channels, 1, norm_cfg=norm_cfg)

    def init_weights(self) -> None:
        """At first the attention adds nothing: its last layer is 0."""
        for part in (self.g, self.theta, self.phi):
            nn.init.normal_(part.conv.weight, std=0.01)
            nn.init.zeros_(part.conv.bias)
        name = self.conv_out.norm_name
        last = self.conv_out.conv if name is None else getattr(self.conv_out, name)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same."""
        # each (N, C, H, W) -> (N, H * W, C)
        query, key, value = (
            part(x).flatten(2).transpose(1, 2) for part in (self.theta, self.phi, self.g)
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        return x + self.conv_out(seen.transpose(1, 2).unflatten(2, x.shape[-2:]))
