"""Layers that a config names: `norm_cfg`, `act_cfg`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mmlite.errors import ConfigError, did_you_mean
from mmlite.registry import check_arguments


def layer_and_arguments(
    cfg: Mapping[str, Any],
    known: Mapping[str, tuple[Callable, Any]],
    key: str,
    given: Iterable[str] = (),
) -> tuple[tuple[Callable, Any], dict[str, Any]]:
    """Looks up the `type` of a layer.

    Args:
        cfg: `type` and arguments of the layer; it is not changed.
        known: by `type`: a class, and whatever else the caller keeps of it.
        key: what the config calls it, for the message.
        given: arguments that the caller adds.

    Returns:
        the entry of `known`, and the other arguments.

    Raises:
        ConfigError: `cfg` is no dict with a `type`, the type is unknown, or the class does not have
            one of the arguments.
    """
    if not isinstance(cfg, Mapping) or 'type' not in cfg:
        raise ConfigError(f"{key}: a dict with the key 'type' is expected, found {cfg!r:.200}")
    args = dict(cfg)
    kind = args.pop('type')
    if kind not in known:
        raise ConfigError(
            f"{key}: type '{kind}' is unknown.{did_you_mean(str(kind), known)} "
            f'Known: {", ".join(known)}.'
        )
    return known[kind], check_arguments(known[kind][0], args, key, given)
