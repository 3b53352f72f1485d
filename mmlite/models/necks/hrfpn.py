"""The pyramid of HRNet (Sun et al. 2019, arXiv 1904.04514, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.models.necks.fpn import check_num_maps
from mmlite.registry import NECKS

_POOLINGS = dict(AVG=F.avg_pool2d, MAX=F.max_pool2d)


@NECKS.register_module()
class HRFPN(BaseModule):
    """All maps at the size of the first, mixed by a 1x1 convolution; pooled to smaller levels.

    State-dict keys are mmdet's.

    Args:
        in_channels: channels of the backbone's maps.
        out_channels: channels of every level.
        num_outs: number of levels, each half as large as the one before.
        pooling_type: 'AVG' or 'MAX': how a level becomes smaller.
        with_cp: recompute activations in the backward pass to save memory.
        stride: of the 3x3 convolution on each level; 2 gives FCOS its strides from 8 on.
        init_cfg: an initialiser of mmengine; None draws as Caffe2's Xavier.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Caffe2Xavier', layer='Conv2d')

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int = 5,
        pooling_type: str = 'AVG',
        with_cp: bool = False,
        stride: int = 1,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if pooling_type not in _POOLINGS:
            raise ConfigError(f"HRFPN: pooling_type is 'AVG' or 'MAX', found {pooling_type!r}")
        self.num_inputs = len(in_channels)
        self.pooling = _POOLINGS[pooling_type]
        self.with_cp = with_cp
        self.reduction_conv = ConvModule(sum(in_channels), out_channels, 1)
        self.fpn_convs = nn.ModuleList(
            ConvModule(out_channels, out_channels, 3, stride, padding=1) for _ in range(num_outs)
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H / 2^i, W / 2^i) -> `num_outs` maps (N, out_channels, h, w).

        Raises:
            ConfigError: the backbone gives another number of maps than `in_channels` has.
        """
        check_num_maps(self, feats, self.num_inputs)
        size = feats[0].shape[-2:]
        grown = [F.interpolate(feat, size, mode='bilinear') for feat in feats[1:]]
        mixed = self._run(self.reduction_conv, torch.cat([feats[0], *grown], dim=1))
        pooled = [mixed, *(self.pooling(mixed, 2**i) for i in range(1, len(self.fpn_convs)))]
        return [self._run(conv, level) for conv, level in zip(self.fpn_convs, pooled, strict=True)]

    def _run(self, layer: nn.Module, x: Tensor) -> Tensor:
        if self.with_cp and self.training and x.requires_grad:
            return torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
        return layer(x)
