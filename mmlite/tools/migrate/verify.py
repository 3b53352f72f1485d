"""Does a migrated config run? As far as that can be seen without its data."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.config.nodes import walk
from mmlite.datasets.transforms import Compose
from mmlite.engine.parts import Parts
from mmlite.errors import UserError


def problem_of(path: Path) -> str:
    """Returns why a config cannot be trained and tested, '' if it can.

    The checks of a training and a test are run, the model is built without memory for its
    weights, and so are the pipelines; the data need not be there.
    """
    try:
        check_whole(load_config(path))
    except UserError as error:
        return str(error)
    return ''


def check_whole(cfg: Config) -> None:
    """Checks a config for a training and a test, and builds its model and pipelines.

    Raises:
        UserError: what does not fit.
    """
    parts = Parts(cfg)
    _ = parts.checked_cfg
    if cfg.get('test_dataloader') is not None:
        _ = Parts(cfg, 'test').checked_cfg
    with torch.device('meta'):
        _ = parts.detector
    for _, node in walk(cfg):
        if isinstance(node, dict) and 'pipeline' in node:
            Compose(node['pipeline'])
