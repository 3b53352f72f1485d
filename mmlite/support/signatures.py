"""Signatures of constructors: what a subclass hands on by `**others` is part of its own."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Init = TypeVar('Init', bound=Callable[..., None])


def with_arguments_of(base: type, without: Sequence[str] = ()) -> Callable[[Init], Init]:
    """Decorates an `__init__` that hands its `**others` on to the constructor of `base`.

    The signature then has the arguments of `base` too, as keywords: a config is checked against
    them, and `help()` and tools/list_registry.py show them. The subclass writes out its own only.

    Args:
        base: the class whose constructor gets `**others`.
        without: arguments of `base` that the subclass gives itself, so that nobody else can.
    """

    def decorate(init: Init) -> Init:
        signature = inspect.signature(init)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        left_out = {*signature.parameters, *without}
        more = [
            p.replace(kind=p.KEYWORD_ONLY)
            for p in inspect.signature(base).parameters.values()
            if p.name not in left_out and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        ]
        init.__signature__ = signature.replace(parameters=[*own, *more])
        return init

    return decorate


def still_by_position(init: Init) -> Init:
    """Decorates an `__init__` whose keywords plugins written for mmlite 0.1 pass by position.

    They go on working, with a FutureWarning at their own line.
    """
    names = [name for name in inspect.signature(init).parameters if name != 'self']
    kinds = [p.kind for p in inspect.signature(init).parameters.values()]
    allowed = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) - 1  # without self

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        late = dict(zip(names[allowed:], args[allowed : len(names)], strict=False))
        if late:
            warnings.warn(
                f'{type(self).__name__}: pass {", ".join(late)} by name, not by position',
                FutureWarning,
                stacklevel=2,
            )
        init(self, *args[:allowed], *args[len(names) :], **late, **kwargs)

    return wrapped
