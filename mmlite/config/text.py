"""Configs as Python text: what a run dumps into its work dir and keeps in its checkpoints."""

from __future__ import annotations

import keyword
import math
from collections.abc import Mapping
from typing import Any

_LINE = 100  # columns

Pieces = tuple[str, list[tuple[str, Any]], str]  # opening bracket, (`key=`, item)..., closing


def config_text(cfg: Mapping[str, Any]) -> str:
    """Returns the text of a config file without bases that holds `cfg`, in its own order.

    mmengine's own writer sorts the keys and has yapf break the lines, which takes seconds where
    paths are long.
    """
    return ''.join(f'{name} = {text_of(value, len(name) + 3)}\n' for name, value in cfg.items())


def text_of(value: Any, before: int = 0, indent: str = '') -> str:
    """Returns Python code for a value, on one line where that fits.

    Args:
        value: dicts, lists and tuples of what `repr` can write.
        before: columns that are taken on the first line.
        indent: spaces before the following lines.
    """
    flat, parts = flat_text(value), _parts(value)
    if before + len(flat) < _LINE or parts is None or not parts[1]:
        return flat
    opening, items, closing = parts
    inner = f'{indent}    '
    lines = [f'{inner}{key}{text_of(v, len(inner + key), inner)},\n' for key, v in items]
    return f'{opening}\n{"".join(lines)}{indent}{closing}'


def flat_text(value: Any) -> str:
    """Returns Python code for a value on one line, however long it is."""
    parts = _parts(value)
    if parts is None:
        special = isinstance(value, float) and not math.isfinite(value)
        return f"float('{value}')" if special else repr(value)
    opening, items, closing = parts
    comma = ',' if opening == '(' and len(items) == 1 else ''
    return f'{opening}{", ".join(f"{key}{flat_text(item)}" for key, item in items)}{comma}{closing}'


def _parts(value: Any) -> Pieces | None:
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and _is_name(key) for key in value):
            return 'dict(', [(f'{key}=', item) for key, item in value.items()], ')'
        return '{', [(f'{key!r}: ', item) for key, item in value.items()], '}'
    if isinstance(value, (list, tuple)):
        opening, closing = '[]' if isinstance(value, list) else '()'
        return opening, [('', item) for item in value], closing
    return None


def _is_name(key: str) -> bool:
    return key.isidentifier() and not keyword.iskeyword(key)
