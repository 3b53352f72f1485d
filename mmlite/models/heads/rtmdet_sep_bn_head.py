"""RTMDet's head as its models have it (Lyu et al. 2022, section 3.2): separate norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from mmlite.models.csp_layer import SWISH, YOLOX_BN
from mmlite.models.heads.rtmdet_head import RTMDetHead
from mmlite.models.layers import ConvModule
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class RTMDetSepBNHead(RTMDetHead):
    """Convolutions that all levels share, and norms and last layers of each level's own (sec. 3.2).

    Args (others as of RTMDetHead):
        share_conv: whether the convolutions of the towers are shared.
        exp_on_reg: distances are exponentials; else they may be negative.
    """

    @with_arguments_of(RTMDetHead)
    def __init__(
        self, num_classes: int, in_channels: int, anchor_generator: dict, *,
        share_conv: bool = True, exp_on_reg: bool = False, pred_kernel_size: int = 1,
        norm_cfg: dict | None = YOLOX_BN, act_cfg: dict | None = SWISH, **others: Any,
    ) -> None:  # fmt: skip
        layers = dict(pred_kernel_size=pred_kernel_size, norm_cfg=norm_cfg, act_cfg=act_cfg)
        super().__init__(num_classes, in_channels, anchor_generator, **layers, **others)
        self.exp_on_reg = exp_on_reg
        if share_conv:
            share_convs(self.cls_convs)
            share_convs(self.reg_convs)

    def on_levels(self, make: Callable[[], nn.Module]) -> nn.ModuleList:
        """Returns the layers that `make` builds, for each level its own."""
        return nn.ModuleList(make() for _ in self.prior_generator.strides)

    def of_level(self, layers: nn.ModuleList, level: int) -> nn.Module:
        """Returns what `on_levels` built for a level."""
        return layers[level]

    def add_scales(self) -> None:
        """The last layers are each level's own, and need no factor."""

    def distances(self, reg_map: Tensor, level: int) -> Tensor:
        """(N, 4, H, W) -> the same: distances from the points to the sides of the box, strides."""
        return reg_map.exp() if self.exp_on_reg else reg_map


def share_convs(towers: nn.ModuleList) -> None:
    """Gives all towers the convolutions of the first; a state dict has them once for each tower."""
    for tower in towers[1:]:
        for own, first in zip(tower.modules(), towers[0].modules(), strict=True):
            if isinstance(own, ConvModule):
                own.conv = first.conv
