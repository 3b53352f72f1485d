"""`paramwise_cfg.custom_keys`: settings for the parameters that have a key in their names."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from mmengine.logging import print_log
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from mmlite.config.nodes import MISSING, value_at
from mmlite.config.schema import DEFAULT_CONSTRUCTOR
from mmlite.errors import ConfigError, did_you_mean

PATH = 'optim_wrapper.paramwise_cfg.custom_keys'
# mmdet's recipes name these for every backbone; few have them, and nothing is lost without
_OF_SOME_TRANSFORMERS = ('absolute_pos_embed', 'relative_position_bias_table')
_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)  # as mmengine's constructor has them


def check_custom_keys(cfg: Mapping, detector: nn.Module) -> None:
    """Refuses a key that matches no parameter, and says which other rules the keys switch off.

    Two keys of mmdet's recipes for transformers need not match. A constructor of one's own may read
    the keys in another way: then nothing is checked.

    Args:
        cfg: the whole config.
        detector: the model that is trained.

    Raises:
        ConfigError: names the key and what is near.
    """
    wrapper = cfg['optim_wrapper']
    if str(wrapper.get('constructor') or DEFAULT_CONSTRUCTOR) != DEFAULT_CONSTRUCTOR:
        return
    custom_keys = custom_keys_of(cfg)
    names = [name for name, _ in detector.named_parameters()]
    for key in keys_of_nothing(custom_keys, names):
        if key in _OF_SOME_TRANSFORMERS:
            continue
        parts = dict.fromkeys(part for name in names for part in _parts_of(name))
        raise ConfigError(
            f"{PATH}: no parameter of the model has '{key}' in its name.{did_you_mean(key, parts)} "
            f'The names begin with {", ".join(name for name, _ in detector.named_children())}'
        )
    _say_what_is_switched_off(wrapper.get('paramwise_cfg') or {}, custom_keys, detector)


def custom_keys_of(cfg: Mapping) -> Mapping[str, Any]:
    """Returns the custom keys of a config, an empty dict where there are none."""
    found = value_at(cfg, PATH.split('.'))
    return {} if found in (MISSING, None) else found


def keys_of_nothing(custom_keys: Iterable[str], names: Iterable[str]) -> list[str]:
    """Returns the custom keys that are in no name of a parameter."""
    names = list(names)
    return [key for key in custom_keys if not any(key in name for name in names)]


def _parts_of(name: str) -> list[str]:
    """'backbone.conv1.weight' -> 'backbone', 'backbone.conv1', 'conv1', ..."""
    steps = name.split('.')
    return ['.'.join(steps[: i + 1]) for i in range(len(steps))] + steps


def _say_what_is_switched_off(
    paramwise_cfg: Mapping, custom_keys: Mapping, detector: nn.Module
) -> None:
    """mmengine gives a parameter that a key matches nothing of the other rules."""
    if paramwise_cfg.get('norm_decay_mult') is None or not custom_keys:
        return
    norms = [
        f'{name}.{own}'
        for name, module in detector.named_modules()
        if isinstance(module, _NORMS)
        for own, _ in module.named_parameters(recurse=False)
    ]
    matched = [name for name in norms if any(key in name for key in custom_keys)]
    if matched:
        print_log(
            f'paramwise_cfg.norm_decay_mult does not reach {len(matched)} of the {len(norms)} '
            f'parameters of norm layers, such as {matched[0]}: custom_keys match them, and of '
            'these only lr_mult and decay_mult of their key count',
            'current',
            logging.WARNING,
        )
