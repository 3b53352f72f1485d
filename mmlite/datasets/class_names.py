"""The class names of a config against those in the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mmlite.errors import ConfigError, did_you_mean, nearest


def check_metainfo(metainfo: dict, title: str) -> dict:
    """Returns metainfo with classes as a tuple, or None where they are to be found in the data.

    Raises:
        ConfigError: classes are no distinct names, or have a key like 'CLASSES'.
    """
    for key in metainfo:
        if key != 'classes' and nearest(key, ['classes']):
            raise ConfigError(f"{title}: metainfo has '{key}'. Did you mean 'classes'?")
    classes = metainfo.get('classes')
    if classes is None or classes == 'auto':
        return {**metainfo, 'classes': None}
    if isinstance(classes, str):
        raise ConfigError(
            f"{title}: metainfo.classes is the string '{classes}', and a tuple of names is "
            f"expected. One class is written classes=('{classes}',), with the comma; "
            "classes='auto' takes the names found in the data."
        )
    if not isinstance(classes, (list, tuple)) or not all(isinstance(c, str) for c in classes):
        raise ConfigError(f'{title}: metainfo.classes: names are expected, found {classes!r}')
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice or not classes:
        found = f'{twice} more than once' if twice else 'none'
        raise ConfigError(f'{title}: metainfo.classes: distinct names are expected, found {found}')
    return {**metainfo, 'classes': tuple(classes)}


def compare_classes(classes: tuple[str, ...], found: dict[str, int], title: str) -> None:
    """Refuses classes of the config that the data do not have.

    Args:
        classes: of the config.
        found: the names in the data, with their numbers of objects.
        title: of the data set, for the message.

    Raises:
        ConfigError: a class is spelt in another case, or none is in the data.
    """
    lists = f'Config: {", ".join(classes)}. Objects in the data: {counts_text(found)}.'
    by_lower = {name.lower(): name for name in found if name not in classes}
    for name in classes:
        if name not in found and name.lower() in by_lower:
            raise ConfigError(
                f"{title}: class '{name}' of the config is spelt '{by_lower[name.lower()]}' in "
                f'the data, and case counts. {lists}'
            )
    if found and not any(name in found for name in classes):
        raise ConfigError(
            f'{title}: none of the classes in the config is in the data. {lists}'
            f'{near_names(classes, found)} Set metainfo=dict(classes=(...)) to names in the data.'
        )


def near_names(names: Iterable[str], found: Iterable[str]) -> str:
    """Returns a question for each of `names` that is not among `found`, but close to one."""
    hints = {name: did_you_mean(name, found) for name in names if name not in found}
    return ''.join(f" '{name}':{hint}" for name, hint in hints.items() if hint)


def counts_text(counts: dict[str, int]) -> str:
    """Returns names with their counts, such as 'cat 63, dog 63'."""
    return ', '.join(f'{name} {count}' for name, count in sorted(counts.items())) or 'none'
