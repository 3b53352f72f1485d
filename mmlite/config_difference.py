"""In what two configs differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmlite.overrides import SECTIONS, walk

_ABSENT = '-'
_WHERE_ONLY = ('work_dir', 'launcher', 'gpu_ids')  # of what a run computes they say nothing


def config_difference(first: Mapping, second: Mapping) -> list[tuple[str, str, str]]:
    """Returns (dotted key, value of the first, of the second) of all leaves that differ.

    Lists are compared item by item, so that one transform more shows as that. Names that no run
    reads, and those that say only where it runs, are left out; '-' stands for a key that one of the
    two lacks.
    """
    one, other = _leaves(first), _leaves(second)
    return [
        (key, one.get(key, _ABSENT), other.get(key, _ABSENT))
        for key in sorted({**one, **other})
        if one.get(key) != other.get(key)
    ]


def _leaves(cfg: Mapping) -> dict[str, str]:
    leaves: dict[str, str] = {}
    for section in SECTIONS:
        if section in cfg and section not in _WHERE_ONLY:
            for key, value in walk(cfg[section], section):
                if not _has_children(value):
                    leaves[key] = repr(value)
    return leaves


def _has_children(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) and len(value) > 0
