"""RetinaNet's head as NAS-FPN has it (Ghiasi et al. 2019, sec. 4.1): norms of each level's own."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import flatten_levels
from mmlite.models.heads.retina_head import RetinaHead
from mmlite.models.heads.rtmdet_sep_bn_head import share_convs
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class RetinaSepBNHead(RetinaHead):
    """All levels share the convolutions of the towers, and each has norms of its own.

    Args (others as of RetinaHead):
        num_ins: number of levels.

    Raises:
        ConfigError: the anchors have another number of levels.
    """

    @with_arguments_of(RetinaHead)
    def __init__(self, num_classes: int, in_channels: int, *, num_ins: int, **others: Any) -> None:
        super().__init__(num_classes, in_channels, **others)
        if num_ins != self.prior_generator.num_levels:
            raise ConfigError(
                f'model.bbox_head.num_ins: {self.prior_generator.num_levels}, the number of '
                f'strides of anchor_generator, is expected, found {num_ins}'
            )
        self.cls_convs = _with_own_norms(self.cls_convs, num_ins)
        self.reg_convs = _with_own_norms(self.reg_convs, num_ins)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4)."""
        cls_maps = [
            self.retina_cls(tower(feat)) for tower, feat in zip(self.cls_convs, feats, strict=True)
        ]
        reg_maps = [
            self.retina_reg(tower(feat)) for tower, feat in zip(self.reg_convs, feats, strict=True)
        ]
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(reg_maps, 4))


def _with_own_norms(tower: nn.Module, num_levels: int) -> nn.ModuleList:
    towers = nn.ModuleList(copy.deepcopy(tower) for _ in range(num_levels))
    share_convs(towers)
    return towers
