"""From `cfg.model` to a detector."""

from __future__ import annotations

from torch import nn

from mmlite.registry import DETECTORS


def build_detector(cfg: dict) -> nn.Module:
    """Builds the detector of a config's `model` dict; loads and downloads nothing.

    Weights are drawn, or fetched where `init_cfg` says so, by `detector.init_weights()`.

    Raises:
        ConfigError: a type, an argument or a missing part, with its config path.
    """
    return DETECTORS.build(cfg, at='model')
