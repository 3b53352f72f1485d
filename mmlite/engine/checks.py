"""What is checked before the first step, because it would fail late or, worse, silently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine import registry as roots
from torch import nn
from torch.utils.data import Dataset

from mmlite.config import walk
from mmlite.errors import ConfigError
from mmlite.registry import check_type

# sections that mmengine builds, and the registry it takes them from
_MMENGINE_PARTS = {
    'optim_wrapper': roots.OPTIM_WRAPPERS,
    'optim_wrapper.optimizer': roots.OPTIMIZERS,
    'param_scheduler': roots.PARAM_SCHEDULERS,
}


def check_config(cfg: Mapping) -> None:
    """Checks what can be seen in the config alone.

    Raises:
        ConfigError: no model, an unknown type in a part that mmengine builds, or images that
            would be normalised twice.
    """
    if not isinstance(cfg.get('model'), Mapping):
        raise ConfigError("the config has no dict 'model'")
    for path, root in _MMENGINE_PARTS.items():
        node = _at(cfg, path)
        parts = enumerate(node) if isinstance(node, (list, tuple)) else [(None, node)]
        for index, part in parts:
            if part is not None:
                check_type(part, root, path if index is None else f'{path}[{index}]')
    _check_normalised_once(cfg)


def _at(cfg: Any, path: str) -> Any:
    for name in path.split('.'):
        cfg = cfg.get(name) if isinstance(cfg, Mapping) else None
    return cfg


def _check_normalised_once(cfg: Mapping) -> None:
    preprocessor = cfg['model'].get('data_preprocessor') or {}
    if preprocessor.get('mean') is None:
        return
    for section in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        for path, node in walk(cfg.get(section), section):
            if isinstance(node, Mapping) and node.get('type') == 'Normalize':
                raise ConfigError(
                    f'images are normalised twice: by {path} (Normalize) and by '
                    'model.data_preprocessor (mean, std). Remove one of the two'
                )


def check_head_against_data(model: nn.Module, dataset: Dataset, at: str) -> None:
    """Refuses a head made for another number of classes than the data set has.

    Raises:
        ConfigError: they differ; the message holds both numbers and the classes.
    """
    classes = getattr(dataset, 'metainfo', {}).get('classes')
    head = getattr(getattr(model, 'module', model), 'bbox_head', None)
    num_classes = getattr(head, 'num_classes', None)
    if classes is None or num_classes is None or num_classes == len(classes):
        return
    raise ConfigError(
        f'model.bbox_head.num_classes is {num_classes}, {at} has {len(classes)} classes: '
        f'{", ".join(classes)}. Set model.bbox_head.num_classes={len(classes)} (background is not '
        'counted)'
    )


def check_checkpoint_classes(checkpoint: Mapping, classes: Sequence[str], path: str) -> None:
    """Refuses to test a checkpoint on other classes, or the same in another order.

    Raises:
        ConfigError: the class names differ; the message holds both lists.
    """
    meta = checkpoint.get('meta') or {}
    trained = (meta.get('dataset_meta') or {}).get('classes') or meta.get('CLASSES')
    if trained is None or list(trained) == list(classes):
        return
    how = 'in another order' if sorted(trained) == sorted(classes) else 'on other classes'
    raise ConfigError(
        f'{path} was trained {how}: trained {list(trained)}, tested {list(classes)}. '
        "Set the data set's metainfo=dict(classes=...) to the trained list"
    )
