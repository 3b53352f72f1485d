"""Keys of a config that change nothing: misspelt, or accepted for mmdet's sake.

A key counts as read where the class of its dict has an argument of that name, or where mmlite's
tables say that it is looked up. What a class does with an argument is not seen, nor is anything
below a dict of an unknown kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from mmlite import registry
from mmlite.config.keys import known_keys, spec_at
from mmlite.config.nodes import find_value, is_merged_into, walk
from mmlite.config.schema import ALWAYS, AS_IN_MMDET, SCHEMA, Keys, Part, Spec
from mmlite.engine import custom_keys
from mmlite.errors import did_you_mean
from mmlite.registry.inert import inert_arguments

# sections that are accepted and change nothing
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
    for section in SCHEMA:
        if section in _SPENT and cfg.get(section) is not None:
            found.append(Unread(section, _SPENT[section]))
        for path, node in walk(cfg.get(section), section):
            if isinstance(node, Mapping):
                found += _unread_in(cfg, node, path)
    return found + _custom_keys_of_nothing(cfg, list(parameters))


def _names_of_no_section(cfg: Mapping) -> Iterator[Unread]:
    """A variable whose value is in a section has been used; any other has not."""
    for name, value in cfg.items():
        known = name in SCHEMA
        if not (known or find_value(cfg, name, value) or is_merged_into(cfg, value)):
            hint = did_you_mean(name, SCHEMA)
            yield Unread(name, f'no section of a config, and none holds its value.{hint}')


def _unread_in(cfg: Mapping, node: Mapping, path: str) -> Iterator[Unread]:
    names = path.split('.')
    spec = spec_at(names)
    cls = registry.find_anywhere(node['type']) if 'type' in node else None
    takes_any = cls is not None and registry.parameters_of(cls) is None
    known = known_keys(cfg, names)
    open_to_all = isinstance(spec, Keys) and spec.others is not None
    unknown_class = isinstance(spec, Part) and not spec.types and cls is None
    if takes_any or not known or open_to_all or unknown_class:
        return
    inert = inert_arguments(cls) if cls else _inert_keys(spec)
    for key in node:
        if key in inert:
            yield Unread(f'{path}.{key}', "accepted because mmdet's configs have it; no effect")
        elif key not in (*known, *ALWAYS):
            whose = cls.__name__ if cls else 'what reads this dict'
            hint = did_you_mean(str(key), map(str, known))
            yield Unread(f'{path}.{key}', f'{whose} does not know it.{hint}')


def _inert_keys(spec: Spec | None) -> list[str]:
    """The keys that have one value here, which changes nothing: mmdet's configs have them."""
    keys = spec.keys if isinstance(spec, Keys) else {}
    return [key for key, one in keys.items() if getattr(one, 'note', '') == AS_IN_MMDET]


def _custom_keys_of_nothing(cfg: Mapping, parameters: list[str]) -> list[Unread]:
    return [
        Unread(f'{custom_keys.PATH}.{key}', 'no parameter of the model has this in its name')
        for key in custom_keys.keys_of_nothing(custom_keys.custom_keys_of(cfg), parameters)
        if parameters
    ]
