"""What is checked before the first step, because it would fail late or, worse, silently."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from mmlite import registry
from mmlite.config.overrides import walk
from mmlite.errors import ConfigError, did_you_mean

LOOPS_OF = dict(train=('train', 'val'), test=('test',))

# what a task cannot do without, and what it can only have together
_NEEDED = dict(
    train=('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'),
    test=('model', 'test_dataloader', 'test_cfg', 'test_evaluator'),
)
_LOOPS = dict(train='EpochBasedTrainLoop', val='ValLoop', test='TestLoop')


def check_config(cfg: Mapping, task: str) -> None:
    """Checks what can be seen in the config alone.

    Args:
        cfg: the whole config.
        task: 'train' or 'test'; what only the other one reads is not looked at.

    Raises:
        ConfigError: a section is missing, a type or an argument is unknown in a part that is built
            after the work dir, or images would be normalised twice.
    """
    for name in _NEEDED[task]:
        if not isinstance(cfg.get(name), (Mapping, list)):
            old = ' It looks like one of mmdet 1.x or 2.x: python tools/migrate_config.py OLD NEW'
            raise ConfigError(
                f"the config has no '{name}', which the task '{task}' needs."
                f'{old if isinstance(cfg.get("data"), Mapping) else ""}'
            )
    for loop in LOOPS_OF[task]:
        loader = cfg.get(f'{loop}_dataloader')
        if loader is not None and 'dataset' not in loader:
            raise ConfigError(f"{loop}_dataloader: the key 'dataset' is missing")
    if task == 'train' and cfg.get('val_dataloader') is not None:
        for name in ('val_cfg', 'val_evaluator'):
            if cfg.get(name) is None:
                raise ConfigError(f"the config has a 'val_dataloader', but no '{name}'")
    _check_kinds(cfg)
    for known, part, path, given in _parts(cfg, task):
        known.check(part, path, given)
    _check_loops(cfg, task)
    if task == 'train':
        _try_optimizer(cfg['optim_wrapper'].get('optimizer'))
    _check_normalised_once(cfg)


_KINDS = {
    'default_hooks': (Mapping, 'a dict'),
    'custom_hooks': ((list, tuple), 'a list'),
    'env_cfg': (Mapping, 'a dict'),
    'env_cfg.mp_cfg': (Mapping, 'a dict'),
    'env_cfg.dist_cfg': (Mapping, 'a dict'),
    'randomness': (Mapping, 'a dict'),
    'randomness.seed': (int, 'a whole number'),
    'param_scheduler': ((Mapping, list, tuple), 'a list of dicts'),
    'log_processor': (Mapping, 'a dict'),
    'visualizer': (Mapping, 'a dict'),
    'auto_scale_lr': (Mapping, 'a dict'),
    'load_from': ((str, os.PathLike), 'a path'),
    'work_dir': ((str, os.PathLike), 'a path'),
    'resume': (bool, 'True or False'),
    'model.data_preprocessor': (Mapping, 'a dict'),
}
_ONE_OF = {
    'log_level': ('CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET'),
    'env_cfg.mp_cfg.mp_start_method': ('fork', 'spawn', 'forkserver'),
}


def _check_kinds(cfg: Mapping) -> None:
    """What Runner and mmengine read without a class that would check it."""
    for path, (kind, expected) in _KINDS.items():
        value = _at(cfg, path)
        if value is not None and not isinstance(value, kind):
            raise ConfigError(f'{path}: {expected} is expected, found {value!r:.80}')
    for path, known in _ONE_OF.items():
        value = _at(cfg, path)
        if value is not None and value not in known:
            raise ConfigError(
                f'{path}: one of {", ".join(known)} is expected, found {value!r:.80}.'
                f'{did_you_mean(str(value), known)}'
            )


def _at(cfg: Mapping, path: str) -> Any:
    node: Any = cfg
    for name in path.split('.'):
        node = node.get(name) if hasattr(node, 'get') else None  # a Config is no Mapping
    return node


def _check_loops(cfg: Mapping, task: str) -> None:
    for loop in LOOPS_OF[task]:
        for key in ('max_epochs', 'max_iters', 'val_interval'):
            value = _at(cfg, f'{loop}_cfg.{key}')
            if value is not None and value < 1:
                raise ConfigError(
                    f'{loop}_cfg.{key}: a number from 1 up is expected, found {value}'
                )


def _try_optimizer(cfg: Mapping | None) -> None:
    """Makes one of torch's for a single weight: it checks its numbers, such as a negative lr."""
    cls = registry.OPTIMIZERS.find(cfg['type'], '') if cfg else None
    if cls is None or not cls.__module__.startswith('torch.optim'):
        return
    weight = nn.Parameter(torch.zeros(1, 1))
    try:
        cls([weight], **_without(cfg, 'type', '_scope_'))
    except (TypeError, ValueError) as error:
        raise ConfigError(f'optim_wrapper.optimizer: {cfg["type"]}: {error}') from error


Part = tuple[registry.Registry, dict, str, tuple[str, ...]]  # ..., config path, given arguments


def _parts(cfg: Mapping, task: str) -> Iterator[Part]:
    """The dicts that are built late."""
    for loop in LOOPS_OF[task]:
        if cfg.get(f'{loop}_dataloader') is None:
            continue
        given = ('runner', 'dataloader', 'evaluator')
        yield registry.LOOPS, typed_loop(cfg[f'{loop}_cfg'], loop), f'{loop}_cfg', given
        if loop != 'train':
            for part, path in _listed(cfg[f'{loop}_evaluator'], f'{loop}_evaluator'):
                yield registry.METRICS, part, path, ()
    if task == 'train':
        yield from _optimisation(cfg)
    for name, hook in (cfg.get('default_hooks') or {}).items():
        if hook is not None:
            yield registry.HOOKS, _without(hook, 'priority'), f'default_hooks.{name}', ()
    for hook, path in _listed(cfg.get('custom_hooks') or [], 'custom_hooks'):
        yield registry.HOOKS, _without(hook, 'priority'), path, ()
    if cfg.get('log_processor'):
        part = {'type': 'LogProcessor', **cfg['log_processor']}
        yield registry.LOG_PROCESSORS, part, 'log_processor', ()
    visualizer = cfg.get('visualizer')
    if visualizer:
        yield registry.VISUALIZERS, visualizer, 'visualizer', ('name', 'save_dir')
        for part, path in _listed(visualizer.get('vis_backends') or [], 'visualizer.vis_backends'):
            yield registry.VISBACKENDS, part, path, ('save_dir',)


def _optimisation(cfg: Mapping) -> Iterator[Part]:
    wrapper = cfg['optim_wrapper']
    if 'constructor' in wrapper and 'optimizer' not in wrapper:
        return  # several optimisers: only the constructor knows what its dict means
    part = {'type': 'OptimWrapper', **_without(wrapper, 'constructor', 'paramwise_cfg')}
    yield registry.OPTIM_WRAPPERS, part, 'optim_wrapper', ()
    yield registry.OPTIMIZERS, wrapper['optimizer'], 'optim_wrapper.optimizer', ('params',)
    for part, path in _listed(cfg.get('param_scheduler') or [], 'param_scheduler'):
        part = _without(part, 'convert_to_iter_based')
        yield registry.PARAM_SCHEDULERS, part, path, ('optimizer', 'param_name')


def typed_loop(cfg: Any, loop: str) -> Any:
    """Returns the dict of a loop with a `type`; mmengine takes `by_epoch` in its place."""
    if not isinstance(cfg, Mapping) or 'type' in cfg:
        return cfg
    by_iter = loop == 'train' and not cfg.get('by_epoch', True)
    return {'type': 'IterBasedTrainLoop' if by_iter else _LOOPS[loop], **_without(cfg, 'by_epoch')}


def _listed(parts: Any, path: str) -> list[tuple[Any, str]]:
    if isinstance(parts, (list, tuple)):
        return [(part, f'{path}[{index}]') for index, part in enumerate(parts)]
    return [(parts, path)]


def _without(part: Any, *keys: str) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {key: value for key, value in part.items() if key not in keys}


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
    _check_same_classes(trained, classes, path)


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
