"""Two parts of one data set: groups stay together, and each class is in both where it can be."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from mmlite.errors import ConfigError
from mmlite.support.words import counted

_TRIES = 20


def groups_by_name(names: Sequence[str], pattern: str) -> list[list[int]]:
    """Returns the indices of names that share the first group of a pattern.

    Args:
        names: of the images, as they are in the folder, without their ending.
        pattern: a regular expression with at least one group, which must match the whole name.

    Raises:
        ConfigError: it is no such expression, or fits no name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f'--groups {pattern!r}: not a regular expression: {error}') from None
    if not compiled.groups:
        raise ConfigError(
            f'--groups {pattern!r}: a group in round brackets is expected, around what pictures of '
            r"one kind have in common, such as '(.+)_\d+' for a_1 and a_2"
        )
    found = defaultdict(list)
    for i, name in enumerate(names):
        match = compiled.fullmatch(name)
        if match and match[1] is not None:
            found[match[1]].append(i)
    if not found:
        shown = ', '.join(names[:3])
        raise ConfigError(f'--groups {pattern!r} fits none of the names, such as {shown}')
    return list(found.values())


def units_of(count: int, groups: Iterable[Sequence[int]]) -> list[list[int]]:
    """Returns the images 0..count - 1 in units that stay together: groups that share one join."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for group in groups:
        for i in group[1:]:
            parent[root(i)] = root(group[0])
    units = defaultdict(list)
    for i in range(count):
        units[root(i)].append(i)
    return sorted(units.values())


def split_units(
    units: Sequence[Sequence[int]],
    labels: Sequence[set[int]],
    share: float,
    seed: int,
) -> list[int]:
    """Chooses the images of the validation.

    Of several drawn splits the best one is taken: first by the classes that are in both parts,
    then by how near the share is.

    Args:
        units: of images that stay together, from `units_of`.
        labels: the classes in each image.
        share: of the images that are to be in the validation.
        seed: equal seeds give equal splits.

    Returns:
        the images of the validation, sorted; at least one, and never all.

    Raises:
        ConfigError: there are fewer than two units.
    """
    if len(units) < 2:
        raise ConfigError(
            'no split: two pictures or more are expected that look different, and with --groups '
            f'more than one group; {counted(len(labels), "picture")} found, all in one group'
        )
    classes = [set().union(*(labels[i] for i in unit)) for unit in units]
    total = Counter(label for present in classes for label in present)
    target = max(1, round(share * len(labels)))
    draws = (_drawn(units, classes, total, target, f'{seed} {n}') for n in range(_TRIES))

    def quality(chosen: set[int]) -> tuple[int, int]:
        inside = Counter(label for u in chosen for label in classes[u])
        both = sum(0 < inside[label] < count for label, count in total.items())
        return both, -abs(sum(len(units[u]) for u in chosen) - target)

    best = max(draws, key=quality)
    return sorted(i for u in best for i in units[u])


def _drawn(
    units: Sequence[Sequence[int]],
    classes: Sequence[set[int]],
    total: Counter[int],
    target: int,
    seed: str,
) -> set[int]:
    """Draws the units of a validation: first one for each class, the rarest first, then others."""
    order = list(range(len(units)))
    random.Random(seed).shuffle(order)
    left = Counter(total)  # units of each class that training has
    chosen: set[int] = set()
    size = 0

    def take(unit: int) -> None:
        nonlocal size
        chosen.add(unit)
        size += len(units[unit])
        left.subtract(classes[unit])

    def spares(unit: int) -> bool:
        return unit not in chosen and all(left[label] > 1 for label in classes[unit])

    rank = {unit: place for place, unit in enumerate(order)}
    with_class = defaultdict(list)
    for unit in order:
        for label in classes[unit]:
            with_class[label].append(unit)
    for label in sorted(total, key=lambda label: (total[label], label)):
        if total[label] > 1 and left[label] == total[label]:
            able = [unit for unit in with_class[label] if spares(unit)]
            if able:
                # a large unit would make the validation larger than asked for
                fitting = [unit for unit in able if size + len(units[unit]) <= target]
                take((fitting or [min(able, key=lambda u: (len(units[u]), rank[u]))])[0])
    for unit in order:
        if spares(unit) and size + len(units[unit]) <= target:
            take(unit)
    if not chosen:  # each unit is the only one of a class, or larger than the share
        take(min(order, key=lambda u: (not spares(u), len(units[u]), rank[u])))
    return chosen
