"""Arguments of a wrong kind, such as a text where a number is expected, found before the call."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

_WORDS = {
    int: 'a whole number',
    float: 'a number',
    bool: 'True or False',
    str: 'a text',
    type(None): 'None',
    Tensor: 'a tensor',
}
_PLAIN = (int, float, bool, Tensor, type(None))


def mistyped(cls: Callable, args: Mapping[str, Any]) -> tuple[str, str] | None:
    """Looks for the first argument that the annotations of `cls(...)` do not admit.

    Only texts, lists and dicts are looked at: a number is never far from another one, and a class
    that takes more than its annotation says is not checked.

    Returns:
        the argument's name and what is expected, in words; None where all may be right.
    """
    doubtful = {k: v for k, v in args.items() if isinstance(v, (str, list, tuple, dict))}
    hints = _hints(cls) if doubtful else {}
    for name, value in doubtful.items():
        if name in hints and not _admits(hints[name], value):
            return name, _in_words(hints[name])
    return None


def _hints(cls: Callable) -> dict[str, Any]:
    """The annotations by argument; of a class, those of its bases too."""
    owners = (
        [vars(c).get('__init__') for c in reversed(cls.__mro__)] if inspect.isclass(cls) else []
    )
    found: dict[str, Any] = {}
    for function in owners or [cls]:
        if isinstance(function, types.FunctionType) or not owners:
            try:
                found |= typing.get_type_hints(function)
            except (NameError, TypeError, AttributeError):  # names that only a type checker has
                continue
    return found


def _admits(hint: Any, value: Any) -> bool:
    """Whether a text, list or dict can be meant by an annotation; True where it is not known."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_admits(one, value) for one in inner)
    if origin is typing.Literal:
        return value in inner
    kind = origin or hint
    if kind in _PLAIN:
        return not isinstance(value, (str, list, tuple, dict))
    if kind is str:
        return isinstance(value, str)
    if not inspect.isclass(kind):
        return True
    if issubclass(kind, Mapping):
        return isinstance(value, dict)
    if kind is Iterable or issubclass(kind, (Sequence, list, tuple)):
        items = [one for one in inner if one is not Ellipsis]
        fits = isinstance(value, (list, tuple)) and len(items) == 1
        return isinstance(value, (list, tuple)) and (
            not fits or all(_admits(items[0], v) for v in value if isinstance(v, str))
        )
    return True


def _in_words(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return ' or '.join(dict.fromkeys(map(_in_words, inner)))
    if origin is typing.Literal:
        return ' or '.join(map(repr, inner))
    kind = origin or hint
    if kind in _WORDS:
        return _WORDS[kind]
    if inspect.isclass(kind) and issubclass(kind, Mapping):
        return 'a dict'
    words = {int: ' of whole numbers', float: ' of numbers', str: " of texts, such as ('cat',)"}
    return f'a list{words.get(inner[0], "") if inner else ""}'
