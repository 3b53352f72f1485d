"""Dicts with a `type`: mmlite's own classes say which of their arguments are still there."""

from __future__ import annotations

from typing import Any

from mmlite.errors import ArgumentError, UnknownTypeError
from mmlite.registry import Registry, parameters_of
from mmlite.registry.inert import without_inert
from mmlite.tools.migrate.notes import Section


def fit_part(part: Section, registry: Registry, kind: str) -> dict[str, Any]:
    """Returns the dict of a part with the arguments that its class takes.

    Those of mmdet that change nothing are among them; all others stay in `part`. A class that is
    not known is noted, and all its arguments are kept.

    Args:
        part: the part, without its `type`.
        registry: where its class is looked for.
        kind: its `type`.
    """
    try:
        cls = registry.find(kind, part.path)
        parameters = parameters_of(cls)
    except UnknownTypeError:
        part.notes.not_mapped(
            part.at('type'),
            kind,
            f'mmlite has no {registry.name} of this name. It is kept: register your own by '
            'custom_imports, or choose another',
        )
        cls, parameters = None, None
    keys = [
        key
        for key, value in part.left.items()
        if parameters is None or key in parameters or _changes_nothing(cls, key, value)
    ]
    return {'type': kind, **{key: part.take(key) for key in keys}}


def rename(part: Section, *names: tuple[str, str]) -> None:
    """Gives arguments the names that they have in 3.x, pairs of an old and a new one."""
    for old, new in names:
        if old in part:
            part.left[new] = part.move(old, part.at(new), 'renamed in 3.0')


def fit_whole(part: Section, registry: Registry) -> dict[str, Any]:
    """Returns the dict of a part that needs no rule, and reports what its class does not take."""
    kind = part.take('type')
    fitted = fit_part(part, registry, kind)
    part.close(f'{kind} takes no such argument')
    return fitted


def _changes_nothing(cls: type, key: str, value: Any) -> bool:
    """Whether an argument is one of those that mmlite accepts for mmdet's configs."""
    try:
        return key not in without_inert(cls, {key: value}, {}, '')
    except ArgumentError:
        return False


def is_known(kind: str, registry: Registry) -> bool:
    """Returns whether a registry has a `type`."""
    try:
        registry.find(kind, '')
    except UnknownTypeError:
        return False
    return True
