"""A training that is resumed under another config: what has changed, and what cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmlite.config.difference import config_difference
from mmlite.engine.convert import config_in
from mmlite.errors import ConfigError

Change = tuple[str, str, str]  # dotted key, value of the file, of the config

# they say where and how a run begins, not what it trains
_BEGINNING = ('load_from', 'resume', 'log_level', 'default_scope', 'experiment_name', 'init_cfg')
_LONGEST = 80  # characters of a value in a message
OPTIMISATION = ('optim_wrapper', 'auto_scale_lr', 'param_scheduler')


def changes_since(meta: Mapping[str, Any], cfg: Mapping, path: str) -> list[Change] | None:
    """Returns in what a config differs from the one that a checkpoint was trained with.

    A section that one of the two lacks is one change. None where the file holds no config.

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
            f'load_from={path}'
        )
    lacking = [key for key in {*before, *cfg} if not (before.get(key) and cfg.get(key))]
    changes: dict[str, Change] = {}
    for key, was, now in config_difference(before, cfg):
        section = key.split('.')[0]
        if set(key.split('.')) & set(_BEGINNING):
            continue
        if section in lacking:
            sides = ('set' if c.get(section) else 'not set' for c in (before, cfg))
            changes[section] = (section, *sides)
        else:
            changes[key] = (key, _short(was), _short(now))
    return [change for change in changes.values() if change[1] != change[2]]


def concern(changes: Sequence[Change], *keys: str) -> bool:
    """Whether one of the changes is at one of these keys or below."""
    return any(f'{change[0]}.'.startswith(f'{key}.') for change in changes for key in keys)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f'{text[: _LONGEST - 3]}...'
