"""The dicts, lists and values of a config, by their dotted paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from mmlite.config.schema import SCHEMA

MISSING = object()


def walk(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Yields (dotted path, value) of a config node and of everything below it."""
    yield path, node
    if isinstance(node, (Mapping, Config)):
        children = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, (list, tuple)):
        children = [(str(index), value) for index, value in enumerate(node)]
    else:
        return
    for key, value in children:
        yield from walk(value, f'{path}.{key}' if path else key)


def value_at(node: Any, steps: Sequence[str]) -> Any:
    """Returns the value at a path, such as ['model', 'neck']; MISSING where there is none."""
    for step in steps:
        if isinstance(node, (list, tuple)):
            inside = step.isdecimal() and int(step) < len(node)
            node = node[int(step)] if inside else MISSING
        elif hasattr(node, 'keys'):
            node = node[step] if step in node.keys() else MISSING  # noqa: SIM118  a Config too
        else:
            return MISSING
        if node is MISSING:
            return MISSING
    return node


def find_value(cfg: Mapping, name: str, value: Any) -> list[str]:
    """Paths below the sections of a config that hold `value`, those that end in `name` first."""
    nodes = [item for section in SCHEMA if section in cfg for item in walk(cfg[section], section)]
    found = [path for path, node in nodes if node == value]
    if not found and isinstance(value, str) and value:  # such as data_root + 'train.txt'
        found = [path for path, node in nodes if isinstance(node, str) and value in node]
    same_name = [path for path in found if path.rsplit('.', 1)[-1] == name]
    if same_name or isinstance(value, (dict, list, tuple)):
        return same_name or found
    return found[:3]  # a bare number may be in many places


def is_merged_into(cfg: Mapping, value: Any) -> bool:
    """Whether a dict of a section holds all of a variable: it was `**variable` there."""
    if not isinstance(value, Mapping) or not value:
        return False
    nodes = [node for section in SCHEMA for _, node in walk(cfg.get(section))]
    return any(
        isinstance(node, Mapping) and all(k in node and node[k] == v for k, v in value.items())
        for node in nodes
    )
