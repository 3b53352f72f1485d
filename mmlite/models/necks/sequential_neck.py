"""Necks behind each other."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from mmlite.models.base_module import BaseModule
from mmlite.registry import NECKS


@NECKS.register_module()
class SequentialNeck(BaseModule):
    """Runs several necks, each on what the one before it returns.

    SSD with top-down features is SSDNeck, then FPN; DSSD is SSDNeck, DSSDNeck, PredictionModule.
    State-dict keys are those of mmdet's lists of necks: '0.extra_layers...', '1.lateral_convs...'.

    Args:
        necks: configs of the necks, first to last.
        init_cfg: an initialiser of mmengine for all of them; None leaves each to its own.
    """

    def __init__(self, necks: Sequence[dict], init_cfg: dict | list | None = None) -> None:
        super().__init__(init_cfg)
        for number, neck in enumerate(necks):
            self.add_module(str(number), NECKS.build(neck))

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone -> those of the last neck."""
        for neck in self.children():
            feats = neck(feats)
        return list(feats)
