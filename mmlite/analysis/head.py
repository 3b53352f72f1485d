"""The head of a config and the sizes of its feature maps, without weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache

import torch
from mmengine.config import Config

from mmlite.errors import ConfigError
from mmlite.models.build import build_detector
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
        with torch.device('meta'):  # neither memory nor time
            self._detector = build_detector(copy.deepcopy(cfg.model)).eval()
        # with real numbers: the priors are read
        shared = dict(train_cfg=self.cfg.get('train_cfg'), test_cfg=self.cfg.get('test_cfg'))
        self.head: DenseHead = HEADS.build(self.cfg['bbox_head'], shared)
        self.featmap_sizes = lru_cache(maxsize=None)(self._featmap_sizes)

    @property
    def pad_size_divisor(self) -> int:
        return self._detector.data_preprocessor.pad_size_divisor

    def _featmap_sizes(self, size: tuple[int, int]) -> tuple[tuple[int, int], ...]:
        """Returns (h, w) of each level for an input of `size` (w, h)."""
        width, height = size
        with torch.device('meta'), torch.no_grad():
            feats = self._detector.extract_feat(torch.zeros(1, 3, height, width))
        return tuple(tuple(feat.shape[-2:]) for feat in feats)
