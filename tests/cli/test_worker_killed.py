"""A data-loading worker is killed in mid-epoch: the run stops, saves, and is resumed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runs import CHECKOUT, TINY, equal, shell, weights

OPTIONS = (
    *('--no-validate', '--cfg-options', 'train_dataloader.num_workers=2'),
    *('train_dataloader.dataset.num_train=64', 'train_cfg.max_epochs=3'),
    'default_hooks.logger.interval=1',
)

pytestmark = pytest.mark.skipif(
    not Path('/proc/self/task').is_dir(), reason='finds the workers in /proc'
)


def workers_of(pid: int) -> list[int]:
    return [
        int(p) for p in Path(f'/proc/{pid}/task/{pid}/children').read_text(encoding='utf-8').split()
    ]


def command(work_dir: str) -> list[object]:
    return [CHECKOUT / 'tools/train.py', TINY, '--work-dir', work_dir, *OPTIONS]


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a training that nobody disturbs."""
    folder = tmp_path_factory.mktemp('whole')
    ended = shell(command('w'), cwd=folder)
    assert ended.status == 0, ended.err
    return folder / 'w'


@pytest.mark.parametrize('persistent', [False, True], ids=['', 'persistent workers'])
def test_a_killed_worker(tmp_path: Path, whole: Path, persistent: bool) -> None:
    words = [*command('w'), f'+train_dataloader.persistent_workers={persistent}']
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )
    with process:
        for line in process.stdout:
            if re.search(r'Epoch\(train\)\s+\[2\]\[\s*3/16\]', line):
                break
        os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        killed = time.monotonic()
        _, err = process.communicate(timeout=30)
    assert time.monotonic() - killed < 30
    assert process.returncode == 1, err
    assert err.startswith('train: train_dataloader: of its 2 workers, process ')
    assert 'was killed by SIGKILL: by hand or, for want of memory, by the kernel' in err
    assert 'Traceback' not in err
    saved = re.search(r'Saved after iteration (\d+): (\S+\.pth)\.', err)
    assert 16 < int(saved[1]) < 32  # in the second epoch of 16 iterations
    assert Path(saved[2]).parent == tmp_path / 'w'

    resumed = shell([*words, '--resume'], cwd=tmp_path)
    assert resumed.status == 0, resumed.err
    assert f'iter_{saved[1]}.pth: ' in resumed.out
    assert equal(weights(tmp_path / 'w', 'epoch_3.pth'), weights(whole, 'epoch_3.pth'))
