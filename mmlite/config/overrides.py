"""Overrides of a config, such as `--cfg-options model.bbox_head.num_classes=3`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config, ConfigDict

from mmlite.config.keys import known_keys, may_be_named, raise_first, value_problems
from mmlite.config.nodes import find_value, value_at, walk
from mmlite.config.schema import ALWAYS, SCHEMA
from mmlite.config.values import parse_value
from mmlite.errors import ConfigError, did_you_mean


def override(cfg: Config, overrides: Mapping[str, Any] | Sequence[str]) -> None:
    """Changes `cfg`; the overrides are as `load_config` takes them."""
    for key, value in _pairs(overrides):
        _override(cfg, key, value)


def overridden_keys(cfg: Config, overrides: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Returns the dotted keys that overrides set, with indices of lists from 0 up."""
    found = []
    for key, _ in _pairs(overrides):
        node, names = cfg, []
        for name in key.removeprefix('+').split('.'):
            is_item = isinstance(node, (list, tuple)) and name.lstrip('-').isdecimal()
            names.append(str(int(name) % len(node)) if is_item else name)
            node = value_at(node, names[-1:])
        found.append('.'.join(names))
    return found


def _pairs(overrides: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(overrides, Mapping):
        yield from overrides.items()
        return
    for item in overrides:
        key, equals, text = item.partition('=')
        if not equals:
            raise ConfigError(
                f"--cfg-options {item!r}: 'key=value' is expected, without spaces, or in quotes: "
                '"key=[a, b]"'
            )
        yield key.strip(), parse_value(text)


def _override(cfg: Config, key: str, value: Any) -> None:
    """Sets one dotted key; the last name must exist, be an argument, or come with a `+`."""
    adds, key = key.startswith('+'), key.removeprefix('+')
    names = key.split('.')
    _refuse_spent_variable(cfg, key, names[0])
    node: Any = cfg
    for depth, name in enumerate(names[:-1]):
        child = _child(cfg, node, names[: depth + 1], adds)
        if child is None:  # `a.b=5` over `a = None`
            _assign(node, name, ConfigDict(), names[:depth])
            child = _child(cfg, node, names[: depth + 1], adds=True)  # a Config stores a copy
        node = child
    if not adds:
        _check_name(cfg, node, names)
        raise_first(value_problems(cfg, names, value), '--cfg-options ')
    # dicts in it become ConfigDicts, as those of the file are
    _assign(node, names[-1], ConfigDict(value=value).value, names[:-1])


def _child(cfg: Config, node: Any, names: list[str], adds: bool) -> Any:
    if isinstance(node, (list, tuple)):
        child = node[_index(node, names)]
    else:
        if not adds:
            _check_name(cfg, node, names)
        child = node.get(names[-1])
    if child is not None and not isinstance(child, (dict, list, tuple)):
        raise ConfigError(f"--cfg-options: '{'.'.join(names)}' is {child!r}, which has no keys")
    return child


def _index(node: Sequence, names: list[str]) -> int:
    *parents, name = names
    if not re.fullmatch(r'-?\d+', name, re.ASCII) or not -len(node) <= int(name) < len(node):
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
        node[_index(node, [*parents, name])] = value
    else:
        node[name] = value


def _check_name(cfg: Config, node: Any, names: list[str]) -> None:
    *parents, name = names
    if isinstance(node, (list, tuple)):
        _index(node, names)
        return
    known = [*ALWAYS, *node, *known_keys(cfg, parents)]
    if name not in known and not may_be_named(names):
        key = '.'.join(names)
        hint = (
            did_you_mean(name, known)
            or _keys_of_that_name(node, name, parents)
            or f' Known there: {", ".join(sorted(set(map(str, known))))}.'
        )
        raise ConfigError(
            f"--cfg-options: the config has no key '{key}'.{hint} To add it anyway: +{key}=..."
        )


def _keys_of_that_name(node: Any, name: str, parents: list[str]) -> str:
    """Where else below `node` the key is: `data_root` is one of each data set."""
    ends = [path for path, _ in walk(node, '.'.join(parents)) if path.endswith(f'.{name}')]
    return f' There is {", ".join(ends[:4])}.' if ends else ''


def _refuse_spent_variable(cfg: Config, key: str, name: str) -> None:
    """A variable of the file, such as train_pipeline, was read when the file ran, not later."""
    if name in SCHEMA or name not in cfg:
        return
    readers = find_value(cfg, name, cfg[name])
    raise ConfigError(
        f"--cfg-options: '{key}' is a variable that the config file has already used; changing it "
        f'now changes nothing. Set the key that is read: '
        f'{" or ".join(readers) if readers else "none holds its value"}'
    )
