"""A table of the tiny config by the real command line: killed, started again, timed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.engine.parts import Parts
from tests.runs import CHECKOUT, TINY, Ended, cli, shell

TOOL = CHECKOUT / 'tools/ablate.py'
ROWS = f"""
columns: {{mAP: pascal_voc/mAP}}
rows:
  - {{name: quick, config: {TINY}, seeds: [3], overrides: [train_cfg.max_epochs=1]}}
  - {{name: broken, config: {TINY}, seeds: [3], overrides: [model.bbox_head.num_classes=4]}}
  - {{name: long, config: {TINY}, seeds: [3], overrides: [train_cfg.max_epochs=30]}}
"""


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


class Table:
    """A table whose ablation was killed in its third row, and then started again."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / 'out'
        (folder / 'rows.yaml').write_text(ROWS)
        command = [TOOL, folder / 'rows.yaml', '--out', self.out, '--work-dir', folder / 'runs']
        with subprocess.Popen(
            [sys.executable, *map(str, command)], cwd=CHECKOUT, stdout=subprocess.DEVNULL
        ) as killed:
            wait_for(lambda: any(folder.glob('runs/long_*/epoch_*.pth')))
            killed.kill()
        self.run = next(folder.glob('runs/long_*'))
        wait_for(lambda: 'stopped by SIGTERM' in (self.run / 'train.txt').read_text())
        self.quick_was = (self.out / 'quick_seed3.json').stat().st_mtime_ns
        self.again: Ended = shell(command)

    def result(self, name: str) -> dict:
        return json.loads((self.out / f'{name}_seed3.json').read_text())


@pytest.fixture(scope='module')
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    if sys.platform == 'win32':
        pytest.skip('Windows ends a process without a signal that it could save at')
    return Table(tmp_path_factory.mktemp('table'))


def test_a_result_holds_what_was_run_and_what_came_out(table: Table) -> None:
    result = table.result('quick')
    size = Parts(load_config(TINY)).complexity()
    assert result['error'] is None
    assert (result['row'], result['seed']) == ('quick', 3)
    assert (result['config'], result['overrides']) == (str(TINY), ['train_cfg.max_epochs=1'])
    assert (result['epochs'], result['iterations']) == (1, 3)  # 12 images in batches of 4
    assert 0 <= result['metrics']['pascal_voc/mAP'] <= 1
    assert (result['parameters'], result['multiply_adds']) == (size.parameters, size.multiply_adds)
    assert result['train_seconds'] > 0
    assert set(result['versions']) == {'mmlite', 'torch', 'python'}


def test_what_is_finished_is_not_run_again(table: Table) -> None:
    assert (table.out / 'quick_seed3.json').stat().st_mtime_ns == table.quick_was
    assert 'quick with seed 3: started' not in table.again.out
    assert 'quick with seed 3: done' in table.again.out


def test_a_killed_row_goes_on_where_it_was(table: Table) -> None:
    result = table.result('long')
    assert 'resumed' in (table.run / 'train.txt').read_text().lower()
    assert (result['error'], result['iterations']) == (None, 90)  # 30 epochs of 3
    assert result['train_seconds'] is None


def test_a_row_that_fails_is_recorded_and_the_next_one_runs(table: Table) -> None:
    assert '4' in table.result('broken')['error'] and '5' in table.result('broken')['error']
    assert table.again.status == 1
    assert '1 failed, and have no figures: broken with seed 3' in table.again.err
    assert 'Traceback' not in table.again.err
    written = (table.run.parent / 'table.md').read_text()
    assert written in table.again.out
    assert [line.split()[1] for line in written.splitlines()[2:]] == ['quick', 'long']


def test_a_step_of_each_row_is_timed(tmp_path: Path) -> None:
    rows = tmp_path / 'rows.yaml'
    rows.write_text(f'columns: {{}}\nrows: [{{name: tiny, config: {TINY}, seeds: [0]}}]\n')
    ended = cli('ablate', rows, '--out', tmp_path, '--time')
    assert ended.status == 0, ended.err
    timed = json.loads((tmp_path / 'step_time.json').read_text())['tiny']
    assert 0 < timed['seconds'] < 60 and timed['batch_size'] == 4


def test_a_file_that_is_not_there_is_a_mistake() -> None:
    ended = cli('ablate', CHECKOUT / 'lab/ablation/configs/bcd.yaml')
    assert ended.status == 2
    assert "Did you mean 'bccd.yaml'" in ended.err
