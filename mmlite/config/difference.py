"""In what two configs differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from mmlite.config.schema import ONLY_WHERE, SCHEMA

_ABSENT = '-'


def config_difference(first: Mapping, second: Mapping) -> list[tuple[str, str, str]]:
    """Returns (dotted key, value of the first, of the second) of all leaves that differ.

    Lists of dicts are compared item by item, so that one transform more shows as that; other
    lists are one value. Names that no run reads, and those that say only where it runs, are left
    out; '-' stands for a key that one of the two lacks.
    """
    one, other = _read(first), _read(second)
    return [
        (key, one.get(key, _ABSENT), other.get(key, _ABSENT))
        for key in sorted({**one, **other})
        if one.get(key) != other.get(key)
    ]


def _read(cfg: Mapping) -> dict[str, str]:
    sections = [key for key in SCHEMA if key in cfg and key not in ONLY_WHERE]
    return dict(chain.from_iterable(_leaves(cfg[key], key) for key in sections))


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yields (dotted path, value as text) of what holds no dicts."""
    if _holds_no_dict(node):
        yield path, repr(node)
        return
    for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
        yield from _leaves(value, f'{path}.{key}')


def _holds_no_dict(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_holds_no_dict, value))
    return not isinstance(value, Mapping) or not value
