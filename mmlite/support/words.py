"""Numbers and lists of names in sentences."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice


def counted(number: int, what: str) -> str:
    """Returns `1 picture` or `2 pictures`; `box`, `class` and `batch` get their -es."""
    ending = '' if number == 1 else 'es' if what.endswith(('x', 'ss', 'ch')) else 's'
    return f'{number} {what}{ending}'


def first_of(names: Collection[str], shown: int = 5) -> str:
    """Returns the first names, and how many more there are."""
    more = f' and {len(names) - shown} more' if len(names) > shown else ''
    return ', '.join(islice(names, shown)) + more
