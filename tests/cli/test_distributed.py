from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.runs import CHECKOUT, CLASSES, TINY, Ended, equal

PLUGIN = """
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmlite.registry import HOOKS

@HOOKS.register_module()
class KeepWeights(Hook):
    def after_val_epoch(self, runner, metrics=None):
        state = runner.model.module.state_dict()
        torch.save(state, f'{runner.work_dir}/rank{get_rank()}.pth')
"""

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_gloo_available() or torch.cuda.is_available(),
    reason='two processes on CPUs, by gloo',
)


@pytest.fixture(scope='module')
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    folder = tmp_path_factory.mktemp('both')
    (folder / 'keep_weights.py').write_text(PLUGIN)
    ended = script(
        'dist_train.sh',
        *(TINY, 2, '--work-dir', 'w', '--plugin', 'keep_weights.py'),
        *('--cfg-options', 'train_cfg.max_epochs=1', "custom_hooks=[dict(type='KeepWeights')]"),
        cwd=folder,
    )
    return ended, folder / 'w'


def script(name: str, *args: object, cwd: Path, **env: str) -> Ended:
    """Runs one of the shell scripts of `tools/`."""
    end = subprocess.run(
        ['bash', CHECKOUT / 'tools' / name, *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, 'PYTHON': sys.executable, **env},
    )
    return Ended(end.returncode, end.stdout, end.stderr)


def test_two_processes_train_one_model(both: tuple[Ended, Path]) -> None:
    ended, work_dir = both
    assert ended.status == 0, ended.err
    saved, first, second = (
        torch.load(work_dir / name, weights_only=True)
        for name in ('epoch_1.pth', 'rank0.pth', 'rank1.pth')
    )
    # batch norm's statistics too: else the second process would validate another model
    assert equal(first, second)
    assert equal(first, saved['state_dict'])
    assert saved['meta']['iter'] == 2  # 12 images, 4 in a batch of each process: 8 and 4


def test_one_of_them_speaks_and_writes(both: tuple[Ended, Path]) -> None:
    ended, work_dir = both
    assert 'CPU x 2' in ended.out
    for line in ('Epoch(train) [1][2/2]', 'Saving checkpoint at 1 epochs', 'Epoch(val) [1][1/1]'):
        assert ended.out.count(line) == 1
    assert len(list(work_dir.glob('*/*.log'))) == 1
    assert ended.out.count('A step is for 8 images: 4 in a batch x 2 processes') == 1
    rows = re.findall(rf'\| ({"|".join(CLASSES)}) +\| +(\d+)', ended.out)
    assert sum(int(gts) for _, gts in rows) == 36  # each image counts once


def test_two_processes_measure_what_one_does(both: tuple[Ended, Path], tmp_path: Path) -> None:
    checkpoint = both[1].absolute() / 'epoch_1.pth'
    args = ('--cfg-options', 'test_dataloader.batch_size=1', '--out', 'r.pkl', '--out-json')
    two = script('dist_test.sh', TINY, checkpoint, 2, *args, 'two.json', cwd=tmp_path)
    one = script('dist_test.sh', TINY, checkpoint, 1, *args, 'one.json', cwd=tmp_path)
    assert (two.status, one.status) == (0, 0), two.err + one.err
    figures = [json.loads((tmp_path / f'{name}.json').read_text()) for name in ('one', 'two')]
    assert figures[0] == figures[1]
    assert figures[0]['pascal_voc/mAP'] > 0
    assert two.out.splitlines()[-1] == one.out.splitlines()[-1]
    assert two.out.count('pascal_voc/mAP: ') == one.out.count('pascal_voc/mAP: ')


def test_processes_of_slurm_find_each_other(tmp_path: Path) -> None:
    """What srun sets; there is no Slurm on this machine."""
    words = [sys.executable, CHECKOUT / 'tools/train.py', TINY, '--launcher', 'slurm']
    words += ['--work-dir', 'w', '--no-validate', '--cfg-options', 'train_cfg.max_epochs=1']
    job = dict(SLURM_NTASKS='2', SLURM_NODELIST='localhost', SLURM_JOB_ID=str(os.getpid()))
    processes = [
        subprocess.Popen(
            list(map(str, words)),
            cwd=tmp_path,
            env={**os.environ, **job, 'SLURM_PROCID': rank, 'SLURM_LOCALID': rank},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in ('0', '1')
    ]
    out = [process.communicate(timeout=200)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert 'CPU x 2' in out[0]
    assert 'Epoch(train)' not in out[1]
    assert torch.load(tmp_path / 'w/epoch_1.pth', weights_only=True)['meta']['iter'] == 2


TERMINATE = """
import os, signal
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmlite.registry import HOOKS

@HOOKS.register_module()
class Terminate(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if get_rank() == 1 and runner.iter == 1:
            os.kill(os.getpid(), signal.SIGTERM)
"""


def test_all_leave_when_one_is_stopped(tmp_path: Path) -> None:
    (tmp_path / 'terminate.py').write_text(TERMINATE)
    ended = script(
        'dist_train.sh',
        *(TINY, 2, '--work-dir', 'w', '--plugin', 'terminate.py'),
        *('--cfg-options', "custom_hooks=[dict(type='Terminate')]"),
        cwd=tmp_path,
    )
    assert ended.status == 1  # torchrun's
    assert 'stopped by SIGTERM after iteration 2' in ended.err
    assert f'exitcode  : {128 + signal.SIGTERM}' in ended.err
    checkpoint = torch.load(tmp_path / 'w/iter_2.pth', weights_only=True)
    assert len(checkpoint['process_states']) == 2


@pytest.mark.parametrize('name', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
def test_a_script_says_how_it_is_used(name: str, tmp_path: Path) -> None:
    ended = script(name, cwd=tmp_path)
    assert ended.status == 2
    assert f'tools/{name} ' in ended.err


def test_the_job_that_slurm_gets(tmp_path: Path) -> None:
    (tmp_path / 'srun').write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (tmp_path / 'srun').chmod(0o755)
    ended = script(
        'slurm_train.sh',
        *('gpu', 'my_job', 'config.py', 'out', '--amp'),
        cwd=tmp_path,
        PATH=f'{tmp_path}:{os.environ["PATH"]}',
        GPUS='4',
        SRUN_ARGS='--signal=TERM@120 --time=1:00:00',
    )
    words = ended.out.split()
    assert {'--partition=gpu', '--ntasks=4', '--gres=gpu:4', '--signal=TERM@120'} <= set(words)
    script_at = next(i for i, word in enumerate(words) if word.endswith('train.py'))
    assert words[script_at + 1 :] == [
        *('config.py', '--work-dir', 'out', '--launcher', 'slurm', '--amp'),
    ]
