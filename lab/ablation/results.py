"""The results of an ablation: a folder with a JSON file for each row and seed."""

from __future__ import annotations

import json
from pathlib import Path

from lab.ablation.rows import Row
from mmlite.errors import DataError
from mmlite.support.files import make_folder, write_text

STEP_TIME = 'step_time.json'


def result_path(folder: Path, row: Row, seed: int) -> Path:
    return folder / f'{row.name}_seed{seed}.json'


def read_result(folder: Path, row: Row, seed: int) -> dict | None:
    """Returns the result of the row; None where there is none, or one of other overrides.

    Raises:
        DataError: the file is damaged.
    """
    found = _read(result_path(folder, row, seed))
    same = (found.get('config'), found.get('overrides')) == (row.config, list(row.overrides))
    return found if same else None


def finished(folder: Path, row: Row) -> list[dict]:
    """Returns the results of the row's seeds that did not fail."""
    results = [read_result(folder, row, seed) for seed in row.seeds]
    return [result for result in results if result and result['error'] is None]


def read_step_times(folder: Path) -> dict[str, dict]:
    """Returns what `--time` measured of each row."""
    return _read(folder / STEP_TIME)


def write_json(path: Path, content: dict) -> None:
    make_folder(path.parent)
    write_text(path, json.dumps(content, indent=2) + '\n')


def _read(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise DataError(f'{path}: {error}. Remove it, and it is measured again') from error
