"""Who did it: the file and line of a function or a class."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[3]


def place(thing: Callable) -> str:
    """Returns 'mmlite/parallel/collate.py:19' for a function, a method or a class."""
    thing = inspect.unwrap(getattr(thing, '__func__', thing))
    try:
        file = inspect.getsourcefile(thing)
        lines, start = inspect.getsourcelines(thing)
    except (TypeError, OSError):  # written in C, or typed in
        return f'{getattr(thing, "__module__", "")}.{getattr(thing, "__qualname__", thing)}'
    after_decorators = next(
        (i for i, line in enumerate(lines) if line.lstrip().startswith(('def ', 'class '))), 0
    )
    return f'{short(file)}:{start + after_decorators}'


def called(thing: object) -> str:
    """Returns the place of what runs when an object is called, with its name before it."""
    cls = type(thing)
    # a module calls `forward`, an Assigner `assign`
    names = (name for name in ('forward', 'assign', '__call__') if hasattr(cls, name))
    return f'{cls.__name__}  {place(getattr(cls, next(names)))}'


def short(file: str | Path) -> str:
    """Returns a path from the checkout, from site-packages or from the current folder."""
    path = Path(file).resolve()
    packages = [parent for parent in path.parents if parent.name == 'site-packages']
    for folder in (*packages[-1:], _CHECKOUT, Path.cwd()):
        if path.is_relative_to(folder):
            return path.relative_to(folder).as_posix()
    return str(path)
