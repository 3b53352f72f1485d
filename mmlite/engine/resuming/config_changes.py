"""A training that is resumed under another config: what has changed, and what cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmlite.config.difference import config_difference
from mmlite.config.nodes import MISSING, value_at
from mmlite.config.recorded import config_in
from mmlite.config.schema import BEGINNING
from mmlite.config.text import text_of
from mmlite.errors import ConfigError

ChangedKey = tuple[str, str, str]  # dotted key, value of the file, of the config

_BEGINNING = {*BEGINNING, 'init_cfg'}  # a resumed model does not draw its weights
_LONGEST = 80  # characters of a value in a message


def changes_since(meta: Mapping[str, Any], cfg: Mapping, path: str) -> list[ChangedKey] | None:
    """Returns in what a config differs from the one that a checkpoint was trained with.

    A part that one of the two lacks is one change, from None or to None.

    Returns:
        what differs; None where the file holds no config.

    Raises:
        ConfigError: the optimiser is of another class, whose state the file does not have.
    """
    try:
        before = config_in(meta, path)
    except ConfigError:
        return None
    kinds = [((c.get('optim_wrapper') or {}).get('optimizer') or {}) for c in (before, cfg)]
    old, new = (str(kind.get('type')).rsplit('.', 1)[-1] for kind in kinds)
    if old != new:
        raise ConfigError(
            f'optim_wrapper.optimizer.type: {old} -> {new}: {new} cannot go on with the state of '
            f'{old} in {path}. To start a training from its weights: --cfg-options '
            'load_from=FILE'
        )
    keys = {
        _whole(key, before, cfg): None
        for key, _, _ in config_difference(before, cfg)
        if not set(key.split('.')) & _BEGINNING
    }
    return [(key, *(_text(_at(c, key)) for c in (before, cfg))) for key in keys]


def _whole(key: str, before: Mapping, cfg: Mapping) -> str:
    """Returns the key of what has changed as a whole.

    That is a part that one of the two lacks, or an item of a list that is of another type.
    """
    names = key.split('.')
    for i in range(1, len(names)):
        old, new = (_at(c, '.'.join(names[:i])) for c in (before, cfg))
        of_type = [part.get('type') if isinstance(part, Mapping) else None for part in (old, new)]
        if not old or not new or (names[i - 1].isdecimal() and of_type[0] != of_type[1]):
            return '.'.join(names[:i])
    return key


def _at(cfg: Any, key: str) -> Any:
    found = value_at(cfg, key.split('.'))
    return None if found is MISSING else found


def concern(changes: Sequence[ChangedKey], *keys: str) -> bool:
    """Whether one of the changes is at one of these keys or below."""
    return any(f'{change[0]}.'.startswith(f'{key}.') for change in changes for key in keys)


def _text(value: Any) -> str:
    text = text_of(value, _LONGEST - 1000)
    return text if len(text) <= _LONGEST else f'{text[: _LONGEST - 3]}...'
