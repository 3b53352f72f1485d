"""The file of an ablation: the trainings, and the figures of them that the table has."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmlite.config import plain_content
from mmlite.config.own_files import find_config
from mmlite.errors import ConfigError, did_you_mean
from mmlite.support.files import near_files

_KEYS = ('columns', 'common', 'rows')
_ROW_KEYS = ('name', 'config', 'overrides', 'seeds')


@dataclass(frozen=True)
class Row:
    """A line of the table: a config and what differs from it, trained once for each seed."""

    name: str
    config: str  # as the file has it, relative to the file
    path: Path  # of the config
    overrides: tuple[str, ...]  # 'key=value', as --cfg-options takes them; the common ones first
    seeds: tuple[int, ...]

    @property
    def digest(self) -> str:
        """Changes with the config's path and with the overrides."""
        return hashlib.sha256('\n'.join([self.config, *self.overrides]).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Ablation:
    """All rows in their order, and the columns: the heading and the metric of each."""

    rows: tuple[Row, ...]
    columns: Mapping[str, str]

    def runs(self) -> Iterator[tuple[Row, int]]:
        """Yields (row, seed): the first seed of all rows, then the second of those that have one.

        A table that is stopped early has as many rows as it can.
        """
        for turn in range(max(len(row.seeds) for row in self.rows)):
            for row in self.rows:
                if turn < len(row.seeds):
                    yield row, row.seeds[turn]


def read_ablation(path: str | Path) -> Ablation:
    """Reads a YAML or JSON file with `rows`, `columns` and `common`, overrides of every row.

    A row has a `name`, a `config` (relative to the file), `seeds` and perhaps `overrides`.

    Raises:
        ConfigError: names the file, and the row and key in it that cannot be used.
    """
    path = find_config(path)
    if not path.is_file():
        raise ConfigError(f'{path}: no such file.{near_files(path, "*.yaml")}')
    content = plain_content(path)
    _check_keys(content, _KEYS, ('columns', 'rows'), str(path))
    _check_columns(content['columns'], path)
    if not isinstance(content['rows'], list) or not content['rows']:
        raise ConfigError(f'{path}: rows: a list of rows is expected, found {content["rows"]!r}')
    common = _overrides(content.get('common'), f'{path}: common')
    rows = tuple(
        _row(row, common, path, f'{path}: rows[{index}]')
        for index, row in enumerate(content['rows'])
    )
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: two rows are named '{name}'")
    return Ablation(rows, content['columns'])


def _row(row: object, common: tuple[str, ...], path: Path, at: str) -> Row:
    _check_keys(row, _ROW_KEYS, ('name', 'config', 'seeds'), at)
    name, config, seeds = row['name'], row['config'], row['seeds']
    if not isinstance(name, str) or not re.fullmatch(r'[\w.+-]+', name):
        raise ConfigError(f'{at}.name: letters, digits and . + - _ are expected, found {name!r}')
    if not isinstance(config, str):
        raise ConfigError(f'{at}.config: a path is expected, found {config!r}')
    if not isinstance(seeds, list) or not seeds or not all(type(seed) is int for seed in seeds):
        raise ConfigError(f'{at}.seeds: a list of whole numbers is expected, found {seeds!r}')
    overrides = common + _overrides(row.get('overrides'), f'{at}.overrides')
    return Row(name, config, path.parent / config, overrides, tuple(seeds))


def _overrides(found: object, at: str) -> tuple[str, ...]:
    found = [] if found is None else found
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise ConfigError(f"{at}: a list of 'key=value' is expected, found {found!r}")
    return tuple(found)


def _check_columns(columns: object, path: Path) -> None:
    if not isinstance(columns, dict) or not all(isinstance(v, str) for v in columns.values()):
        raise ConfigError(
            f"{path}: columns: headings with the name of a metric each, such as 'AP: "
            f"coco/bbox_mAP', are expected, found {columns!r}"
        )


def _check_keys(found: object, known: Sequence[str], needed: Sequence[str], at: str) -> None:
    if not isinstance(found, dict):
        raise ConfigError(f'{at}: keys and values are expected, found {found!r}')
    for key in found:
        if key not in known:
            raise ConfigError(
                f"{at}: '{key}' is no key of it.{did_you_mean(str(key), known)} "
                f'It has: {", ".join(known)}'
            )
    for key in needed:
        if key not in found:
            raise ConfigError(f"{at}: '{key}' is missing")
