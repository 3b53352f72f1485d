"""Variables of a config file that a base has already used: to set them again changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from mmlite.config.lines import ConfigLines
from mmlite.config.nodes import value_at
from mmlite.config.schema import SCHEMA
from mmlite.errors import ConfigError

_LISTED = 6  # keys that a message names


def refuse_spent_variables(cfg: Mapping, lines: ConfigLines) -> None:
    """Refuses a variable that has no effect, as the keys of its base hold the old value.

    Where the file reads the variable itself, it may mean what it says: then the keys that keep the
    old value are only named, on stderr.

    Args:
        cfg: what the file and its bases come to.
        lines: of the file.

    Raises:
        ConfigError: names the variable and the keys to set.
    """
    order = list(lines.in_order())
    for number, file in enumerate(order):
        for name, line in file.names.items():
            keys = _keys_of_old_value(cfg, file, name, order[number:])
            if not keys:
                continue
            place = f'{file.path}, line {line.line}'
            listed = ', '.join(keys[:_LISTED]) + (', ...' if len(keys) > _LISTED else '')
            if not list(file.readers(name, SCHEMA)):
                raise ConfigError(
                    f"config {place}: '{name}' is a variable that a _base_ has already used; to "
                    f'set it here changes nothing. Set the keys that hold its value: {listed}'
                )
            print(
                f"config {place}: '{name}' does not reach all keys of its _base_: the value of "
                f'before is still in {listed}',
                file=sys.stderr,
            )


def _keys_of_old_value(
    cfg: Mapping, file: ConfigLines, name: str, later: list[ConfigLines]
) -> list[str]:
    """Keys that a base of `file` has from its own variable, and that nothing sets after it."""
    if name in SCHEMA:
        return []
    return [
        key
        for base in file.bases
        for key in _readers_in(base, name)
        if not any(one.sets(key) for one in later)
        and value_at(cfg, key.split('.')) != cfg.get(name)
        and not _is_the_same(file, base, name)
    ]


def _readers_in(base: ConfigLines, name: str) -> Iterator[str]:
    """Only where the base has the variable: else the name is one of the file's own."""
    order = list(base.in_order())
    if any(name in one.names for one in order):
        for one in order:
            yield from one.readers(name, SCHEMA)


def _is_the_same(file: ConfigLines, base: ConfigLines, name: str) -> bool:
    of_base = base.merged(name)
    return of_base is not None and of_base.text == file.names[name].text
