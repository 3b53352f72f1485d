"""Keys of a config that change nothing: misspelt, or accepted for mmdet's sake.

A key counts as read where the class of its dict has an argument of that name, or where mmlite's
tables say that it is looked up. What a class does with an argument is not seen, nor is anything
below a dict of an unknown kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from mmlite import registry
from mmlite.config.overrides import SECTIONS, find_value, known_keys, walk
from mmlite.errors import did_you_mean
from mmlite.inert import INERT_TRAIN_CFG, inert_arguments

# read by whoever builds the object of the dict, beside the arguments of its class
_BESIDE = {
    'default_hooks': ('priority',),
    'custom_hooks': ('priority',),
    'param_scheduler': ('convert_to_iter_based',),
}
_ALWAYS = ('type', '_scope_')
# looked up at the top beside the sections
_BESIDE_SECTIONS = ('launcher', 'tta_model', 'tta_pipeline')
_SPENT = {'default_scope': "mmlite's registries are asked directly"}


class Unread(NamedTuple):
    """A key that nothing reads, and why."""

    key: str
    why: str


def unread_keys(cfg: Mapping, parameters: Iterable[str] = ()) -> list[Unread]:
    """Returns the keys of a config that nothing reads.

    Args:
        cfg: from `load_config`.
        parameters: the names of the detector's, which `paramwise_cfg.custom_keys` is to meet.
    """
    found = [*_names_of_no_section(cfg)]
    for section in SECTIONS:
        if section in _SPENT and cfg.get(section) is not None:
            found.append(Unread(section, _SPENT[section]))
        for path, node in walk(cfg.get(section), section):
            if isinstance(node, Mapping):
                found += _unread_in(node, path)
    return found + _custom_keys_of_nothing(cfg, list(parameters))


def _names_of_no_section(cfg: Mapping) -> Iterator[Unread]:
    """A variable whose value stands in a section has been of use; any other has not."""
    for name, value in cfg.items():
        known = name in SECTIONS or name in _BESIDE_SECTIONS
        if not (known or find_value(cfg, name, value) or _is_merged_into(cfg, value)):
            hint = did_you_mean(name, SECTIONS)
            yield Unread(name, f'no section of a config, and none holds its value.{hint}')


def _is_merged_into(cfg: Mapping, value: Any) -> bool:
    """Whether a dict of a section holds all of a variable: it was `**variable` there."""
    if not isinstance(value, Mapping) or not value:
        return False
    nodes = [node for section in SECTIONS for _, node in walk(cfg.get(section))]
    return any(
        isinstance(node, Mapping) and all(k in node and node[k] == v for k, v in value.items())
        for node in nodes
    )


def _unread_in(node: Mapping, path: str) -> Iterator[Unread]:
    parents = path.split('.')
    cls = registry.find_anywhere(node['type']) if 'type' in node else None
    takes_any = cls is not None and registry.parameters_of(cls) is None
    known = known_keys(node, parents)
    # a hook under any name is built
    if takes_any or not known or path == 'default_hooks':
        return
    known = [*known, *_ALWAYS, *_BESIDE.get(parents[0], ())]
    inert = inert_arguments(cls) if cls else INERT_TRAIN_CFG if path == 'model.train_cfg' else {}
    for key in node:
        if key in known:
            continue
        if key in inert:
            yield Unread(f'{path}.{key}', "accepted as it stands in mmdet's configs; no effect")
        else:
            whose = cls.__name__ if cls else 'what reads this dict'
            hint = did_you_mean(str(key), map(str, known))
            yield Unread(f'{path}.{key}', f'{whose} does not know it.{hint}')


def _custom_keys_of_nothing(cfg: Mapping, parameters: list[str]) -> list[Unread]:
    path = 'optim_wrapper.paramwise_cfg.custom_keys'
    node: Any = cfg
    for step in path.split('.'):
        node = (node or {}).get(step)
    return [
        Unread(f'{path}.{key}', 'no parameter of the model has this in its name')
        for key in (node or {})
        if parameters and not any(key in name for name in parameters)
    ]
