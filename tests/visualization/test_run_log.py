from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmlite.errors import ConfigError, DataError
from mmlite.visualization.log_plots import draw_runs, log_rows
from mmlite.visualization.run_log import best_validation, read_training


def run(work_dir: Path, name: str, *lines: dict) -> None:
    folder = work_dir / name / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))


def step(number: int, loss: float) -> dict:
    return dict(iter=number, loss=loss, time=number / 10, epoch=1)


def test_a_training_is_what_was_resumed_since_its_first_iteration(tmp_path: Path) -> None:
    run(tmp_path, '20260101_000000', step(1, 9), step(10, 8))  # another training
    run(tmp_path, '20260102_000000', step(1, 5), step(10, 4))
    run(tmp_path, '20260103_000000', {'a/mAP': 0.5, 'step': 1})  # a test
    run(tmp_path, '20260104_000000', step(11, 3))
    lines = read_training(tmp_path)
    assert [line['loss'] for line in lines] == [5, 4, 3]
    assert read_training(tmp_path / '20260101_000000/vis_data/scalars.json')[1]['loss'] == 8


def test_no_training(tmp_path: Path) -> None:
    run(tmp_path / 'tested', '20260103_000000', {'a/mAP': 0.5, 'step': 1})
    with pytest.raises(DataError, match='tested: no training'):
        read_training(tmp_path / 'tested')
    with pytest.raises(DataError, match=r"teste: no such file or folder\. Did you mean 'tested'"):
        read_training(tmp_path / 'teste')


def test_a_table_by_hand() -> None:
    lines = [
        step(1, 5),
        {'a/mAP': 0.5, 'step': 1},
        step(2, 4),
        step(3, 3),
        {'a/mAP': 0.25, 'step': 2},
    ]
    head, row = log_rows(dict(a=lines))
    assert dict(zip(head, row, strict=True)) == {
        'training': 'a', 'iterations': '3', 's/iteration': '0.200', 'first loss': '5',
        'last loss': '3', 'best mAP': '0.5000 at 1',
    }  # fmt: skip
    assert log_rows(dict(empty=[]))[1] == ('empty', '0', '-', '-', '-', '-')


def test_a_panel_for_each_key(tmp_path: Path) -> None:
    import cv2

    runs = dict(a=[step(1, 5), step(2, 4), {'a/mAP': 0.5, 'step': 1}], b=[step(1, 6)])
    draw_runs(runs, None, tmp_path / 'two.png')
    draw_runs(runs, ['loss'], tmp_path / 'one.png')
    two, one = (cv2.imread(str(tmp_path / name)) for name in ('two.png', 'one.png'))
    assert two.shape[1] == 2 * one.shape[1]
    with pytest.raises(ConfigError, match='--keys mAP: no number of that name in the logs'):
        draw_runs(dict(b=[step(1, 6)]), ['mAP'], tmp_path / 'none.png')


def test_the_best_validation_is_the_one_whose_results_are_kept() -> None:
    lines = [
        step(1, 5),
        {'a/mAP': 0.5, 'a/AP50': 0.9, 'step': 1},
        {'a/mAP': 0.75, 'a/AP50': 0.8, 'step': 2},
        {'a/mAP': 0.75, 'a/AP50': 0.7, 'step': 3},
        {'a/mAP': 0.25, 'a/AP50': 0.9, 'step': 4},
    ]
    assert best_validation(lines) == 3  # the last of equals
    assert best_validation([{'a/f1': 0.5, 'step': 1}, {'a/f1': 0.25, 'step': 2}]) == 2
    assert best_validation([step(1, 5)]) is None
