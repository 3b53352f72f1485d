"""The head of a config and the sizes of its feature maps, without weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from mmengine.config import Config

from mmlite.errors import ConfigError
from mmlite.models.featmap_sizes import FeatmapSizes
from mmlite.models.heads.dense_head import DenseHead
from mmlite.registry import HEADS


class HeadOnGrid:
    """A head, and what its feature maps measure for an input.

    Args:
        cfg: a config with a model.

    Raises:
        ConfigError: there is no model, or it cannot be built.
    """

    def __init__(self, cfg: Config) -> None:
        if not cfg.get('model'):
            raise ConfigError(f"{cfg.filename}: the config has no 'model'")
        self.cfg: Mapping = copy.deepcopy(cfg.model)
        self._sizes = FeatmapSizes(cfg.model)
        # with real numbers: the priors are read
        shared = dict(train_cfg=self.cfg.get('train_cfg'), test_cfg=self.cfg.get('test_cfg'))
        self.head: DenseHead = HEADS.build(self.cfg['bbox_head'], shared)

    @property
    def pad_size_divisor(self) -> int:
        return self._sizes.detector.data_preprocessor.pad_size_divisor

    def featmap_sizes(self, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """Returns (h, w) of each level for an input of `size` (w, h)."""
        width, height = size
        return self._sizes(height, width)
