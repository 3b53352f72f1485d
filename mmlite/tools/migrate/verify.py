"""Does a migrated config run? As far as that can be seen without its data."""

from __future__ import annotations

from pathlib import Path

import torch

from mmlite.config import load_config
from mmlite.config.nodes import walk
from mmlite.datasets.transforms import Compose
from mmlite.engine.checks import check_config
from mmlite.errors import UserError
from mmlite.models import build_detector


def problem_of(path: Path) -> str:
    """Returns why a config cannot be trained and tested, '' if nothing stands against it.

    The checks of a training and a test are run, the model is built without memory for its
    weights, and so are the pipelines; the data need not be there.
    """
    try:
        cfg = load_config(path)
        check_config(cfg, 'train')
        if cfg.get('test_dataloader') is not None:
            check_config(cfg, 'test')
        with torch.device('meta'):
            build_detector(cfg.model)
        for _, node in walk(cfg):
            if isinstance(node, dict) and 'pipeline' in node:
                Compose(node['pipeline'])
    except UserError as error:
        return str(error)
    return ''
