"""Items of a data set that cannot be used: named, counted, and too many of them refused.

An item is an image with its annotation. Some are known to be bad when the data set is built (no
file, a damaged head, an annotation that cannot be parsed), others are met when they are decoded.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from typing import Any

from mmlite.errors import ConfigError, DataError

SHOWN = 3  # reasons in a message
LONGEST_BLACK_SIDE = 1000  # of the image in the place of one that cannot be read


class BadItemError(DataError):
    """An image or its annotation cannot be used; the message names the file and says why."""


def check_max_bad(max_bad: Any, title: str) -> float:
    """Returns `max_bad`; raises ConfigError if it is not a share."""
    is_number = isinstance(max_bad, numbers.Real) and not isinstance(max_bad, bool)
    if not is_number or not 0 <= max_bad <= 1:
        raise ConfigError(
            f'{title}: max_bad: a share of the images from 0 to 1 is expected, found {max_bad!r}'
        )
    return float(max_bad)


def leaves(dataset: Any) -> list[Any]:
    """Returns the data sets that read files, inside their wrappers; each once."""
    inner = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    if inner == [None]:
        return [dataset] if hasattr(dataset, 'bad_items') else []
    found = [leaf for part in inner for leaf in leaves(part)]
    return list({id(leaf): leaf for leaf in found}.values())


def bad_items(dataset: Any) -> dict[str, str]:
    """Returns why items cannot be used, by image file, as far as known from the start."""
    return {name: why for leaf in leaves(dataset) for name, why in leaf.bad_items.items()}


def num_listed(dataset: Any) -> int:
    """Returns how many images the data sets inside list, before any filter."""
    return sum(leaf.num_listed for leaf in leaves(dataset)) or len(dataset)


def too_many(dataset: Any, bad: Iterable[str]) -> str | None:
    """Says that more items are bad than `max_bad` of the data sets allows; None if they are not.

    Args:
        dataset: the data set; in a concatenation the bad items of all parts count together.
        bad: the image files, with those known from the start.
    """
    bad = list(bad)
    allowed = sum(leaf.max_bad * leaf.num_listed for leaf in leaves(dataset))
    listed = num_listed(dataset)
    if not leaves(dataset) or not bad:
        return None
    if len(bad) >= listed:  # whatever max_bad says
        reasons = first_reasons(bad, bad_items(dataset))
        return f'none of its {listed} images can be used. The first: {reasons}'
    if len(bad) <= allowed:
        return None
    return (
        f'{len(bad)} of {listed} images cannot be used, and max_bad={allowed / listed:.4g} allows '
        f'{int(allowed)}. The first: {first_reasons(bad, bad_items(dataset))}. '
        'Repair or remove them, or raise the limit: --max-bad, or max_bad of the data set'
    )


def first_reasons(bad: Iterable[str], reasons: Mapping[str, str]) -> str:
    """Returns the first of the bad items with the reasons, those without one by name."""
    lines = [reasons.get(name, name) for name in bad]
    more = f'; and {len(lines) - SHOWN} more' if len(lines) > SHOWN else ''
    return f'{"; ".join(lines[:SHOWN])}{more}'
