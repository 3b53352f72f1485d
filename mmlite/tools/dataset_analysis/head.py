"""The head of a config and the sizes of its feature maps, without weights."""

from __future__ import annotations

from collections.abc import Mapping

from mmengine.config import Config

from mmlite.engine.parts import Parts
from mmlite.models.heads.dense_head import DenseHead, head_with_priors
from mmlite.ops.priors import GridPriors


class HeadOnGrid:
    """A head, and what its feature maps measure for an input.

    Args:
        cfg: a config with a model.

    Raises:
        ConfigError: there is no model, it cannot be built, or its head has no priors.
    """

    def __init__(self, cfg: Config) -> None:
        self._parts = Parts(cfg)
        self.head: DenseHead = head_with_priors(self._parts.detector, 'this analysis')
        self.cfg: Mapping = self._parts.cfg.model
        # the part of `model` that is this head: the first of two stages has the anchors
        self.name = 'rpn_head' if 'rpn_head' in self.cfg else 'bbox_head'

    @property
    def pad_size_divisor(self) -> int:
        return self._parts.detector.data_preprocessor.pad_size_divisor

    @property
    def compared(self) -> GridPriors:
        """What is compared with the boxes: the priors, in SABL the anchors around each of them."""
        return getattr(self.head, 'approx_generator', self.head.prior_generator)

    def featmap_sizes(self, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """Returns (h, w) of each level for an input of `size` (w, h)."""
        width, height = size
        return self._parts.featmap_sizes(height, width)
