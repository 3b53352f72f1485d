from __future__ import annotations

from pathlib import Path

import pytest

from lab.ablation.results import read_result, result_path, write_json
from lab.ablation.rows import Ablation, Row
from lab.ablation.table import markdown_table
from mmlite.errors import ConfigError, DataError

PLAIN = Row('plain', 'a.py', Path('a.py'), (), (0, 1))
OTHER = Row('other', 'a.py', Path('a.py'), ('x=1',), (0,))
ABLATION = Ablation((PLAIN, OTHER), {'AP': 'coco/bbox_mAP'})


def write_result(
    folder: Path, row: Row, seed: int, ap: float | None, overrides: tuple[str, ...] = ()
) -> None:
    content = dict(
        row=row.name, seed=seed, config=row.config, overrides=list(overrides), error=None
    )
    if ap is None:
        content['error'] = 'it failed'
    else:
        content |= dict(
            parameters=12_345_678, multiply_adds=3_456_789_000, metrics={'coco/bbox_mAP': ap}
        )
    write_json(result_path(folder, row, seed), content)


def test_mean_and_half_of_the_range_in_percent(tmp_path: Path) -> None:
    write_result(tmp_path, PLAIN, 0, 0.40)
    write_result(tmp_path, PLAIN, 1, 0.44)
    write_result(tmp_path, OTHER, 0, 0.5, OTHER.overrides)
    write_json(tmp_path / 'step_time.json', {'plain': dict(seconds=0.254)})
    lines = markdown_table(ABLATION, tmp_path).splitlines()
    assert lines == [
        '| row | seeds | AP | parameters | multiply-adds | step |',
        '| --- | --- | --- | --- | --- | --- |',
        '| plain | 0, 1 | 42.0 ± 2.0 | 12.3 M | 3.5 G | 0.25 s |',  # (40 + 44) / 2, (44 - 40) / 2
        '| other | 0 | 50.0 | 12.3 M | 3.5 G |  |',
    ]


def test_rows_without_figures_are_absent(tmp_path: Path) -> None:
    write_result(tmp_path, PLAIN, 0, None)
    write_result(tmp_path, PLAIN, 1, 0.44)
    assert '| plain | 1 | 44.0 |' in markdown_table(ABLATION, tmp_path)
    assert 'other' not in markdown_table(ABLATION, tmp_path)
    assert 'step' not in markdown_table(ABLATION, tmp_path)  # nothing is timed


def test_the_result_of_other_overrides_is_none(tmp_path: Path) -> None:
    write_result(tmp_path, OTHER, 0, 0.5, ('x=2',))
    assert read_result(tmp_path, OTHER, 0) is None


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    (tmp_path / 'plain_seed0.json').write_text('{"config": ')
    with pytest.raises(DataError, match=r'plain_seed0.json: .* Remove it'):
        read_result(tmp_path, PLAIN, 0)


def test_a_column_that_no_metric_fills_names_the_nearest(tmp_path: Path) -> None:
    write_result(tmp_path, PLAIN, 0, 0.4)
    ablation = Ablation((PLAIN,), {'AP': 'coco/bbox_map'})
    with pytest.raises(ConfigError, match=r"row plain. Did you mean 'coco/bbox_mAP'"):
        markdown_table(ablation, tmp_path)
