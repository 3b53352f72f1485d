"""Recorder: what methods of living objects were given and returned, while the real code runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Call(NamedTuple):
    """One call of a method."""

    args: tuple
    kwargs: dict[str, Any]
    result: Any


class Recorder:
    """Replaces methods of single objects; the end of the `with` block puts them back."""

    def __init__(self) -> None:
        self._calls: dict[str, list[Call]] = {}
        self._watched: list[tuple[Any, str]] = []

    def watch(self, owner: Any, method: str, name: str) -> None:
        """Keeps the calls of `owner.method` as `name`; an owner without it is left alone."""
        original = getattr(owner, method, None)
        if original is not None:
            # on the instance, in front of the class's own; nn.Module looks there for forward too
            object.__setattr__(owner, method, self._recording(original, name))
            self._watched.append((owner, method))

    def last(self, name: str) -> Call | None:
        """Returns the last call of that name; None if there was none."""
        calls = self._calls.get(name)
        return calls[-1] if calls else None

    def _recording(self, original: Callable, name: str) -> Callable:
        def recorded(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            self._calls.setdefault(name, []).append(Call(args, kwargs, result))
            return result

        return recorded

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_error: object) -> None:
        for owner, method in self._watched:
            object.__delattr__(owner, method)
