"""What is checked before the first step, because it would fail late or, worse, silently."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from mmlite import registry
from mmlite.checkpoints.file import trained_classes
from mmlite.config.keys import problems, raise_first, typed_parts
from mmlite.config.nodes import walk
from mmlite.config.schema import ALWAYS, BUILT_LATE, LOADERS, NEEDED, SCHEMA
from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import classifier_of

STAGES_OF = dict(train=('train', 'val'), test=('test',))  # of each task

# of the `data` of mmdet 1.x and 2.x, which is a name like any other in newer configs
_OLD_DATA = {'train', 'val', 'test', 'imgs_per_gpu', 'samples_per_gpu'}


def check_config(cfg: Mapping, task: str) -> None:
    """Checks what can be seen in the config, without data or weights.

    Args:
        cfg: the whole config.
        task: 'train' or 'test'; what only the other one reads is not looked at.

    Raises:
        ConfigError: a section is missing, a type or an argument is unknown in a part that is built
            after the work dir, or images would be normalised twice.
    """
    for name in NEEDED[task]:
        if not isinstance(cfg.get(name), (Mapping, list)):
            hint = (
                'It looks like one of mmdet 1.x or 2.x: python tools/migrate_config.py OLD NEW'
                if _OLD_DATA & set(cfg.get('data') or ())
                else "A base brings it, such as _base_ = 'configs/ssd/ssd300_bccd.py'; "
                'python -m mmlite init FOLDER writes a whole config for your data'
            )
            raise ConfigError(f"the config has no '{name}', which the task '{task}' needs. {hint}")
    for loop in STAGES_OF[task]:
        loader = cfg.get(f'{loop}_dataloader')
        if loader is not None and 'dataset' not in loader:
            raise ConfigError(f"{loop}_dataloader: the key 'dataset' is missing")
    if task == 'train' and cfg.get('val_dataloader') is not None:
        for name in ('val_cfg', 'val_evaluator'):
            if cfg.get(name) is None:
                raise ConfigError(f"the config has a 'val_dataloader', but no '{name}'")
    raise_first(problems(cfg))
    _check_parts(cfg, task)
    if task == 'train':
        _try_optimizer(cfg['optim_wrapper'].get('optimizer'))
    _check_normalised_once(cfg)


def _try_optimizer(cfg: Mapping | None) -> None:
    """Makes one of torch's for a single weight: it checks its numbers, such as a negative lr."""
    cls = registry.OPTIMIZERS.find(cfg['type'], '') if cfg else None
    if cls is None or not cls.__module__.startswith('torch.optim'):
        return
    weight = nn.Parameter(torch.zeros(1, 1))
    try:
        cls([weight], **{key: value for key, value in cfg.items() if key not in ALWAYS})
    except (TypeError, ValueError) as error:
        raise ConfigError(f'optim_wrapper.optimizer: {cfg["type"]}: {error}') from error


_REGISTRIES = registry.registries()


def _check_parts(cfg: Mapping, task: str) -> None:
    """Refuses what `build` would refuse, in the dicts that are built late."""
    for section in BUILT_LATE[task]:
        if section.startswith('val_') and cfg.get('val_dataloader') is None:
            continue
        node = cfg.get(section)
        if section == 'optim_wrapper' and 'constructor' in node and 'optimizer' not in node:
            continue  # several optimisers: only the constructor says what its dict means
        if section.endswith('_cfg'):
            node = typed_loop(node, section.removesuffix('_cfg'))
        if section == 'optim_wrapper' and node.get('optimizer', {}) is None:  # else it may be
            registry.OPTIMIZERS.check(None, 'optim_wrapper.optimizer')
        for spec, part, path in typed_parts(node, SCHEMA[section], section):
            _REGISTRIES[spec.registry].check(part, path, spec.given)


def typed_loop(cfg: Any, loop: str) -> Any:
    """Returns the dict of a loop with a `type`; mmengine takes `by_epoch` in its place."""
    if not isinstance(cfg, Mapping) or 'type' in cfg:
        return cfg
    by_iter = loop == 'train' and not cfg.get('by_epoch', True)
    own = {key: value for key, value in cfg.items() if key != 'by_epoch'}
    return {'type': 'IterBasedTrainLoop' if by_iter else SCHEMA[f'{loop}_cfg'].type, **own}


def _check_normalised_once(cfg: Mapping) -> None:
    preprocessor = cfg['model'].get('data_preprocessor') or {}
    if preprocessor.get('mean') is None:
        return
    for section in LOADERS:
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
    detector = getattr(model, 'module', model)
    key = getattr(detector, 'CLASSES_KEY', 'model.bbox_head.num_classes')
    if classes is None or key is None:
        return
    found = getattr(classifier_of(detector), 'num_classes', None)
    if found is None or found == len(classes):
        return
    raise ConfigError(
        f'{key} is {found}, {at} has {len(classes)} classes: {", ".join(classes)}. '
        f'Set {key}={len(classes)} (background is not counted)'
    )


def check_checkpoint_classes(checkpoint: Mapping, classes: Sequence[str], path: str) -> None:
    """Refuses to test a checkpoint on other classes, or the same in another order.

    Raises:
        ConfigError: the class names differ; the message holds both lists.
    """
    _check_same_classes(trained_classes(checkpoint.get('meta')), classes, path)


def check_resumed_classes(checkpoint: Mapping, dataset: Dataset, path: str) -> None:
    """Refuses to go on with a training on other classes, or the same in another order.

    Raises:
        ConfigError: the class names differ; the message holds both lists.
    """
    trained, given = (
        trained_classes(checkpoint.get('meta')),
        getattr(dataset, 'metainfo', {}).get('classes'),
    )
    if trained is None or given is None or list(trained) == list(given):
        return
    how = (
        'the same classes in another order'
        if sorted(trained) == sorted(given)
        else ('other classes')
    )
    raise ConfigError(
        f'{path} cannot be resumed on {how}: it was trained on {list(trained)}, and '
        f'train_dataloader.dataset has {list(given)}. To go on, give the data sets '
        'metainfo=dict(classes=...) with its list; to start a training of the new ones from its '
        'weights: --cfg-options load_from=FILE, without --resume'
    )


def warn_of_class_order(
    checkpoint: Mapping, dataset: Dataset, path: str, logger: logging.Logger
) -> None:
    """Warns where a training starts from weights of the same classes in another order."""
    trained, given = (
        trained_classes(checkpoint.get('meta')),
        getattr(dataset, 'metainfo', {}).get('classes'),
    )
    if not trained or not given or list(trained) == list(given):
        return
    if sorted(trained) == sorted(given):
        logger.warning(
            f'{path} was trained on {list(trained)}, and train_dataloader.dataset has the same '
            f'classes in another order, {list(given)}: the head has to learn them again. Set '
            'metainfo=dict(classes=...) to its list'
        )


def check_validation_classes(train: Dataset, val: Dataset) -> None:
    """Refuses to validate on other classes than those trained, or the same in another order.

    Raises:
        ConfigError: the class names differ; the message holds both lists.
    """
    trained, tested = (getattr(data, 'metainfo', {}).get('classes') for data in (train, val))
    _check_same_classes(trained, tested, 'val_dataloader.dataset: the model')


def _check_same_classes(
    trained: Sequence[str] | None, tested: Sequence[str] | None, what: str
) -> None:
    if trained is None or tested is None or list(trained) == list(tested):
        return
    how = 'in another order' if sorted(trained) == sorted(tested) else 'on other classes'
    raise ConfigError(
        f'{what} was trained {how}: trained {list(trained)}, tested {list(tested)}. '
        "Set the data set's metainfo=dict(classes=...) to the trained list"
    )
