"""What the feature maps of a model measure, without running it on numbers."""

from __future__ import annotations

import torch
from torch import nn


class FeatmapSizes:
    """(h, w) of each level for an input, by a run of the model without memory; each size once.

    Args:
        outline: of the detector, see `outline_of`.
    """

    def __init__(self, outline: nn.Module) -> None:
        self._outline = outline
        self._known: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}

    def __call__(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        size = (height, width)
        if size not in self._known:
            with torch.device('meta'), torch.no_grad():
                feats = self._outline.extract_feat(torch.zeros(1, 3, *size))
            self._known[size] = tuple(tuple(feat.shape[-2:]) for feat in feats)
        return self._known[size]
