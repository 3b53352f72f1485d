"""Which keys and kinds of values the dicts of a config take, by SCHEMA and the registries."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmlite import registry
from mmlite.config.nodes import find_value, is_merged_into, value_at
from mmlite.config.schema import (
    ALWAYS,
    DEFAULT_CONSTRUCTOR,
    KINDS,
    SCHEMA,
    USUAL_VARIABLES,
    Keys,
    ListOf,
    Part,
    Spec,
    Value,
)
from mmlite.errors import ConfigError, did_you_mean

_VERY_NEAR = 0.8  # likeness of two names, of which one is the other misspelt


class Problem(NamedTuple):
    """What is wrong in a config, and the dotted path where."""

    path: str
    message: str


# ---- questions ----------------------------------------------------------------------------------


def spec_at(names: Sequence[str]) -> Spec | None:
    """Returns what SCHEMA says of a path, such as ['model', 'test_cfg']; None: nothing."""
    spec: Spec | None = SCHEMA.get(names[0]) if names else Keys(SCHEMA)
    for name in names[1:]:
        if isinstance(spec, ListOf):
            spec = spec.item
            if name.lstrip('-').isdigit():
                continue
        if isinstance(spec, Keys):
            spec = spec.keys.get(name, spec.others)
        elif isinstance(spec, Part):
            spec = spec.inside.get(name) or spec.beside.get(name)
        else:
            return None
    return spec


def known_keys(cfg: Mapping, names: Sequence[str]) -> list[str]:
    """Returns the keys that the dict at a path takes; none where nothing says which they are.

    Args:
        cfg: the whole config.
        names: the path, as `spec_at` takes it.
    """
    spec = spec_at(names)
    spec = spec.item if isinstance(spec, ListOf) else spec
    if isinstance(spec, Keys):
        return [*spec.keys, *(_arguments_of(cfg, spec) or ())]
    node = value_at(cfg, names)
    kind = node.get('type') if isinstance(node, Mapping) else None
    if isinstance(spec, Part) and spec.types:
        return list(spec.inside)
    kind = kind or getattr(spec, 'type', '')
    cls = registry.find_anywhere(kind) if kind else None
    arguments = list(registry.parameters_of(cls) or ()) if cls else []
    return [*arguments, *spec.beside] if isinstance(spec, Part) else arguments


def may_be_named(names: Sequence[str]) -> bool:
    """Returns whether the last name of a path may be one of the user's own, as those of hooks.

    One that is a known name misspelt may not.
    """
    spec = spec_at(names[:-1])
    own = isinstance(spec, Keys) and spec.others is not None
    return own and _misspelt(names[-1], spec.keys) is None


def defaults_of(keys: Keys) -> dict[str, Any]:
    """Returns the value of each key that has one where it is left out."""
    return {
        name: spec.default
        for name, spec in keys.keys.items()
        if isinstance(spec, Value) and spec.default is not None
    }


def typed_parts(node: Any, spec: Spec | None, path: str) -> Iterator[tuple[Part, dict, str]]:
    """Yields (what SCHEMA says, the dict with its `type`, its path) of the parts at a path.

    Only those that SCHEMA names: the layers of a model and the transforms are found as they are
    built.
    """
    if isinstance(spec, ListOf):
        items = enumerate(node) if isinstance(node, (list, tuple)) else [('', node)]
        for index, item in items:
            yield from typed_parts(item, spec.item, f'{path}[{index}]' if index != '' else path)
    elif isinstance(spec, Keys) and isinstance(node, Mapping):
        for key, value in node.items():
            yield from typed_parts(value, spec.keys.get(key, spec.others), f'{path}.{key}')
    elif isinstance(spec, Part) and node is not None:
        if not isinstance(node, Mapping):
            yield spec, node, path
            return
        own = {key: value for key, value in node.items() if key not in spec.beside}
        yield spec, {**({'type': spec.type} if spec.type else {}), **own}, path
        for key, inner in spec.inside.items():
            yield from typed_parts(node.get(key), inner, f'{path}.{key}')


# ---- checks -------------------------------------------------------------------------------------


def check_dict(node: Mapping, keys: Keys, path: str) -> None:
    """Refuses a dict whose values or keys are not those of SCHEMA; objects may be in it.

    Args:
        node: the dict.
        keys: a part of SCHEMA.
        path: the place of the dict in the config, for messages.

    Raises:
        ConfigError: names the key, and what is expected.
    """
    for key, spec in keys.keys.items():
        if isinstance(spec, Value) and node.get(key) is not None:
            raise_first(_value_problems(node[key], spec, f'{path}.{key}'))
    raise_first(_unknown(node, [*keys.keys], path))


def raise_first(found: Iterable[Problem], before: str = '') -> None:
    """Raises the first problem, if there is one, as a ConfigError."""
    for problem in found:
        raise ConfigError(f'{before}{problem.path}: {problem.message}')


def problems(cfg: Mapping) -> Iterator[Problem]:
    """Yields what is wrong in a config: unknown keys, values of a wrong kind, misspelt sections.

    The arguments of classes are not looked at: they are checked where the class is built.
    """
    yield from _misspelt_sections(cfg)
    for section, spec in SCHEMA.items():
        if cfg.get(section) is not None:
            yield from _problems(cfg[section], spec, section, cfg)


def value_problems(cfg: Mapping, names: Sequence[str], value: Any) -> Iterator[Problem]:
    """Yields what is wrong with a value that is to be put at a path of a config."""
    spec = spec_at(names)
    if spec is not None and value is not None:
        yield from _problems(value, spec, '.'.join(names), cfg)


def _problems(node: Any, spec: Spec | None, path: str, cfg: Mapping) -> Iterator[Problem]:
    if node is None or spec is None:
        return
    if isinstance(spec, Value):
        yield from _value_problems(node, spec, path)
    elif isinstance(spec, ListOf):
        if not isinstance(node, (list, tuple, Mapping)):
            yield Problem(path, f'a list is expected, found {node!r:.80}')
        for index, item in enumerate(node) if isinstance(node, (list, tuple)) else [('', node)]:
            at = f'{path}.{index}' if index != '' else path
            if isinstance(item, Mapping):
                yield from _problems(item, spec.item, at, cfg)
    elif not isinstance(node, Mapping):
        if not (isinstance(spec, Keys) and spec.or_switch and isinstance(node, bool)):
            yield Problem(path, f'a dict is expected, found {node!r:.80}')
    elif isinstance(spec, Keys):
        yield from _keys_problems(node, spec, path, cfg)
    else:
        yield from _part_problems(node, spec, path, cfg)


def _value_problems(value: Any, spec: Value, path: str) -> Iterator[Problem]:
    types, words = KINDS[spec.kind]
    if spec.kind == 'count' and isinstance(value, float) and value.is_integer():
        value = int(value)  # such as 120000 / 2
    is_bool = isinstance(value, bool) and spec.kind in ('count', 'number', 'pixels')
    as_bool = spec.kind == 'switch' and type(value) is int and value in (0, 1)
    if (not isinstance(value, types) or is_bool) and not as_bool:
        yield Problem(path, f'{words} is expected, found {value!r:.80}')
    elif spec.only and value not in spec.only:
        known = [str(one) for one in spec.only]
        hint = did_you_mean(str(value), known)
        words = ' or '.join(map(repr, spec.only))
        yield Problem(path, f'{words} is expected, found {value!r:.80}.{hint}')
    elif spec.kind == 'pixels' and (value < 0 or 0 < value < 1):  # below 1 it is a share
        yield Problem(path, f'{words} is expected, found {value}')
    elif spec.least is not None and value < spec.least:
        yield Problem(path, f'a number from {spec.least:g} up is expected, found {value}')


def _keys_problems(node: Mapping, spec: Keys, path: str, cfg: Mapping) -> Iterator[Problem]:
    if spec.late:
        return
    more = _arguments_of(cfg, spec)
    if spec.others is None and more is not None:
        yield from _unknown(node, [*spec.keys, *more], path)
    else:
        yield from _near_misses(node, spec, path)
    for key, value in node.items():
        yield from _problems(value, spec.keys.get(key, spec.others), f'{path}.{key}', cfg)


def _part_problems(node: Mapping, spec: Part, path: str, cfg: Mapping) -> Iterator[Problem]:
    if spec.types:
        yield from _unknown(node, list(spec.inside), path)
    if str(node.get('constructor') or DEFAULT_CONSTRUCTOR) != DEFAULT_CONSTRUCTOR:
        return  # only the user's own constructor says what its dict means
    for key, inner in {**spec.inside, **spec.beside}.items():
        yield from _problems(node.get(key), inner, f'{path}.{key}', cfg)


def _unknown(node: Mapping, known: list[str], path: str) -> Iterator[Problem]:
    for key in node:
        if key not in known and key not in ALWAYS:
            hint = did_you_mean(str(key), known)
            yield Problem(path, f"no key '{key}'.{hint} Known: {', '.join(known)}.")


def _near_misses(node: Mapping, spec: Keys, path: str) -> Iterator[Problem]:
    """Of a dict with names of one's own: those that are one of SCHEMA's misspelt."""
    for key, value in node.items():
        near = _misspelt(str(key), spec.keys) if key not in spec.keys else None
        part = spec.keys.get(near or '')
        # another hook of one's own may have a name like that of a default hook
        if near and (not isinstance(part, Part) or _kind_of(value) in ('', part.usual)):
            yield Problem(path, f"no key '{key}'. Did you mean '{near}'?")


def _kind_of(node: Any) -> str:
    return str(node.get('type') or '') if isinstance(node, Mapping) else ''


def _misspelt_sections(cfg: Mapping) -> Iterator[Problem]:
    """A name at the top that no section reads is a variable, or a section misspelt."""
    for name, value in cfg.items():
        near = None if name in (*SCHEMA, *USUAL_VARIABLES) else _misspelt(name, SCHEMA)
        if near and not (find_value(cfg, name, value) or is_merged_into(cfg, value)):
            yield Problem(name, f"no section of a config. Did you mean '{near}'?")


def _misspelt(name: str, known: Iterable[str]) -> str | None:
    lower = {key.lower(): key for key in known}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=_VERY_NEAR)
    return lower[found[0]] if found else None


def _arguments_of(cfg: Mapping, spec: Keys) -> list[str] | None:
    """The arguments that are keys of a dict too; None where nobody knows them."""
    if not spec.arguments_of:
        return []
    part = value_at(cfg, spec.arguments_of.split('.'))
    kind = part.get('type') if isinstance(part, Mapping) else None
    cls = registry.find_anywhere(kind) if kind else None
    parameters = registry.parameters_of(cls) if cls else None
    return None if parameters is None else list(parameters)
