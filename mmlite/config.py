"""Configs: Python files with `_base_`, overrides that must name something, one dump per run."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from mmlite import registry
from mmlite.errors import ConfigError, UserError, did_you_mean

# What a run reads. Every other name at the top of a config file is a variable of that file.
SECTIONS = (
    'model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'optim_wrapper',
    'param_scheduler', 'train_cfg', 'val_cfg', 'test_cfg', 'val_evaluator', 'test_evaluator',
    'default_hooks', 'custom_hooks', 'custom_imports', 'env_cfg', 'visualizer', 'log_processor',
    'log_level', 'load_from', 'resume', 'randomness', 'default_scope', 'work_dir',
    'auto_scale_lr', 'experiment_name',
)  # fmt: skip


def load_config(
    path: str | Path, overrides: Mapping[str, Any] | Sequence[str] | None = None
) -> Config:
    """Loads a config file, its bases and the overrides on top.

    Args:
        path: a .py, .json or .yaml file.
        overrides: `{'model.bbox_head.num_classes': 3}` or `['model.bbox_head.num_classes=3']`.
            A key must exist, or be one that the class of its dict takes; `+key` adds any other.

    Returns:
        the config; whoever reads it does not change it.

    Raises:
        ConfigError: the file or one of its bases is missing or broken, or an override names
            nothing.
    """
    cfg = _read(Path(path))
    for key, value in _pairs(overrides or {}):
        _override(cfg, key, value)
    return cfg


def _read(path: Path) -> Config:
    if not path.is_file():
        near = [p.name for p in path.parent.glob('*.py')] if path.parent.is_dir() else []
        raise ConfigError(f'config {path}: no such file.{did_you_mean(path.name, near)}')
    try:
        return Config.fromfile(str(path), lazy_import=False)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise ConfigError(f'config {path}: a file of its _base_ is missing: {error}') from error
    except SyntaxError as error:
        raise ConfigError(f'config {path}: {error}') from error
    except RecursionError as error:
        raise ConfigError(f'config {path}: its _base_ files include each other') from error
    except ImportError as error:
        raise ConfigError(f'config {path}: custom_imports: {error}') from error
    except Exception as error:  # the file is a program: anything can come out of it
        raise ConfigError(f'config {path}: {type(error).__name__}: {error}') from error


def parse_value(text: str) -> Any:
    """Turns the text of an override into a value: Python's literals, true, false, null, or text."""
    named = {'true': True, 'false': False, 'null': None, 'none': None}
    if text.lower() in named:
        return named[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _pairs(overrides: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        yield from overrides.items()
        return
    for item in overrides:
        key, equals, text = item.partition('=')
        if not equals:
            raise ConfigError(f"--cfg-options {item!r}: 'key=value' is expected")
        yield key.strip(), parse_value(text.strip())


def _override(cfg: Config, key: str, value: Any) -> None:
    """Sets one dotted key; the last name must exist, be an argument, or come with a `+`."""
    adds, key = key.startswith('+'), key.removeprefix('+')
    names = key.split('.')
    if not adds:
        _refuse_spent_variable(cfg, key, names[0])
    node: Any = cfg
    for depth, name in enumerate(names[:-1]):
        child = _child(node, name, names[:depth], adds)
        if child is None:  # `a.b=5` over `a = None`
            child = ConfigDict()
            _assign(node, name, child, names[:depth])
        node = child
    if not adds:
        _check_name(node, names[-1], names[:-1])
    _assign(node, names[-1], value, names[:-1])


def _child(node: Any, name: str, parents: list[str], adds: bool) -> Any:
    if isinstance(node, (list, tuple)):
        return node[_index(node, name, parents)]
    if not adds:
        _check_name(node, name, parents)
    child = node.get(name)
    if child is not None and not isinstance(child, (dict, list, tuple)):
        raise ConfigError(
            f"--cfg-options: '{'.'.join([*parents, name])}' is {child!r}, which has no keys"
        )
    return child


def _index(node: Sequence, name: str, parents: list[str]) -> int:
    if not name.lstrip('-').isdigit() or not -len(node) <= int(name) < len(node):
        raise ConfigError(
            f"--cfg-options: '{'.'.join(parents)}' is a list of {len(node)}: a number from 0 to "
            f'{len(node) - 1} is expected, found {name!r}'
        )
    return int(name)


def _assign(node: Any, name: str, value: Any, parents: list[str]) -> None:
    if isinstance(node, tuple):
        raise ConfigError(
            f"--cfg-options: '{'.'.join(parents)}' is a tuple: set it as a whole, "
            f'{".".join(parents)}="{node}"'
        )
    if isinstance(node, list):
        node[_index(node, name, parents)] = value
    else:
        node[name] = value


def _check_name(node: Any, name: str, parents: list[str]) -> None:
    if isinstance(node, (list, tuple)):
        _index(node, name, parents)
        return
    known = [*node, *(_arguments(node, parents) if parents else SECTIONS)]
    if name not in known:
        key = '.'.join([*parents, name])
        raise ConfigError(
            f"--cfg-options: the config has no key '{key}'."
            f'{_did_you_mean_path(name, known, parents)} To add it all the same: +{key}=...'
        )


def _did_you_mean_path(name: str, known: list[str], parents: list[str]) -> str:
    hint = did_you_mean(name, known)
    return hint or f' Known there: {", ".join(sorted(set(map(str, known))))}.'


# keys of the dicts that have no `type`
_LOADER = ('dataset', 'sampler', 'batch_sampler', 'batch_size', 'num_workers', 'persistent_workers',
           'pin_memory', 'drop_last', 'prefetch_factor')  # fmt: skip
_UNTYPED = dict(
    train_dataloader=_LOADER,
    val_dataloader=_LOADER,
    test_dataloader=_LOADER,
    train_cfg=('by_epoch', 'max_epochs', 'max_iters', 'val_begin', 'val_interval'),
    randomness=('seed', 'deterministic', 'diff_rank_seed'),
    auto_scale_lr=('base_batch_size', 'enable'),
)


def _arguments(node: Mapping, parents: list[str]) -> list[str]:
    """The keys that a dict takes: its class's arguments, whatever registry that is in."""
    kind = node.get('type')
    if kind is None:
        return list(_UNTYPED.get('.'.join(parents), ()))
    cls = registry.find_anywhere(kind)
    return list(inspect.signature(cls).parameters) if cls is not None else []


def _refuse_spent_variable(cfg: Config, key: str, name: str) -> None:
    """A variable of the file, such as train_pipeline, was read when the file ran, not later."""
    if name in SECTIONS or name not in cfg:
        return
    readers = find_value(cfg, name, cfg[name])
    raise ConfigError(
        f"--cfg-options: '{key}' is a variable that the config file has already used; changing it "
        f'now changes nothing. Set the key that is read: '
        f'{" or ".join(readers) if readers else "none holds its value"}'
    )


def find_value(cfg: Mapping, name: str, value: Any) -> list[str]:
    """Paths below the sections of a config that hold `value`, those that end in `name` first."""
    found = []
    for section in SECTIONS:
        if section in cfg:
            found += [path for path, node in walk(cfg[section], section) if node == value]
    same_name = [path for path in found if path.rsplit('.', 1)[-1] == name]
    if same_name or isinstance(value, (dict, list, tuple)):
        return same_name or found
    return found[:3]  # a bare number may stand in many places


def walk(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Yields (dotted path, value) of a config node and of everything below it."""
    yield path, node
    if isinstance(node, Mapping):
        children = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, (list, tuple)):
        children = [(str(index), value) for index, value in enumerate(node)]
    else:
        return
    for key, value in children:
        yield from walk(value, f'{path}.{key}' if path else key)
