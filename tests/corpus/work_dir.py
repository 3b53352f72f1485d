"""Work dirs that cannot be written, that are full, or that another run has."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mmlite.engine.process.work_dir import NAME, WorkDirLock
from tests.corpus.case import named_cases
from tests.corpus.commands import checkpoint, refused, run_test, stopped, train
from tests.runs import TINY, cli

try:
    import resource
except ImportError:  # Windows
    resource = None

ANOTHER = 'go on with another --work-dir'


def a_file(folder: Path) -> None:
    (folder / 'w').write_text('notes')
    text = f'work dir {folder / "w"}: {folder / "w"} is a file, and a folder is expected; {ANOTHER}'
    refused(train(folder), text)
    refused(run_test(folder, checkpoint(folder)), text)
    assert (folder / 'w').read_text() == 'notes'


def a_file_above(folder: Path) -> None:
    (folder / 'w').write_text('notes')
    ended = cli('train', TINY, '--work-dir', folder / 'w' / 'run' / '1')
    refused(ended, f'{folder / "w"} is a file, and a folder is expected')


def read_only(folder: Path) -> None:
    """Root may write anywhere but where only the kernel writes."""
    if os.geteuid() == 0:
        if not Path('/proc/self').is_dir():
            pytest.skip('root may write anywhere')
        refused(cli('train', TINY, '--work-dir', '/proc/self/w'), 'nothing can be written there')
        return
    (folder / 'w').mkdir(mode=0o500)
    refused(train(folder), f'work dir {folder / "w"}: nothing can be written there (Permission')


def a_folder_as_checkpoint(folder: Path) -> None:
    (folder / 'w' / 'epoch_1.pth').mkdir(parents=True)
    refused(train(folder), f'{folder}/w/epoch_1.pth is a folder, and a file is to be written there')


def a_folder_as_note(folder: Path) -> None:
    (folder / 'w' / 'last_checkpoint').mkdir(parents=True)
    refused(train(folder), f'{folder}/w/last_checkpoint is a folder')
    assert (folder / 'w' / 'epoch_1.pth').is_file()


def full(folder: Path) -> None:
    if resource is None:
        pytest.skip('no limits on Windows')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))
    try:
        ended = train(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    stopped(ended, 'epoch_1.pth cannot be written: File too large', 'is whole')
    assert not list((folder / 'w').glob('*.pth'))
    assert not (folder / 'w' / NAME).exists()


# ---- another run --------------------------------------------------------------------------------


def locked(folder: Path, **holder: object) -> Path:
    """Writes the lock of a run."""
    (folder / 'w').mkdir()
    (folder / 'w' / NAME).write_text(json.dumps(holder))
    return folder / 'w' / NAME


def another_run(folder: Path) -> None:
    """A real one: a process that takes the lock and holds it."""
    (folder / 'w').mkdir()
    code = (
        'import sys, time; from mmlite.engine.process.work_dir import WorkDirLock; '
        'WorkDirLock(sys.argv[1]).take(); print("taken", flush=True); time.sleep(60)'
    )
    words = [sys.executable, '-c', code, str(folder / 'w')]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == 'taken\n'
            who = f'another run is writing into it (process {other.pid} on {socket.gethostname()}'
            refused(
                train(folder), f'work dir {folder / "w"}: {who}', 'Go on with another --work-dir'
            )
            refused(train(folder, flags=('--resume',)), who)
            assert [path.name for path in (folder / 'w').iterdir()] == [NAME]
        finally:
            other.kill()
    assert train(folder).status == 0  # it is dead: its lock is taken over
    assert not (folder / 'w' / NAME).exists()


def a_run_elsewhere(folder: Path) -> None:
    lock = locked(folder, pid=1, host='elsewhere', started='1')
    refused(train(folder), 'process 1 on elsewhere', f'if that run is dead, remove {lock}')


def a_silent_run_elsewhere(folder: Path) -> None:
    lock = locked(folder, pid=1, host='elsewhere', started='1')
    os.utime(lock, (time.time() - 3600,) * 2)
    assert train(folder).status == 0
    assert not lock.exists()


def a_job_put_back(folder: Path) -> None:
    """Slurm starts a job whose machine has failed again elsewhere, under its number."""
    lock = locked(folder, pid=1, host='elsewhere', started='1', job='7')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('SLURM_JOB_ID', '8')
        refused(train(folder), 'process 1 on elsewhere')
        patch.setenv('SLURM_JOB_ID', '7')
        assert train(folder).status == 0
    assert not lock.exists()


def a_number_given_again(folder: Path) -> None:
    if not Path('/proc/self/stat').exists():
        pytest.skip('only Linux says when a process was started')
    lock = locked(folder, pid=os.getppid(), host=socket.gethostname(), started='1')
    assert train(folder).status == 0
    assert not lock.exists()


def an_empty_lock(folder: Path) -> None:
    """Another run is writing it right now."""
    locked(folder).write_text('')
    refused(train(folder), 'another run is writing into it')


def a_lock_while_it_runs(folder: Path) -> None:
    """The lock is touched now and then, and is gone at the end."""
    lock = WorkDirLock(folder).take()
    os.utime(lock.path, (1, 1))
    lock.after_train_iter(None)
    assert lock.path.stat().st_mtime == 1  # not in each iteration
    lock._touched -= 60
    lock.after_train_iter(None)
    assert time.time() - lock.path.stat().st_mtime < 60
    lock.close()
    assert list(folder.iterdir()) == []


CHECKS: dict[str, tuple[str, Callable[[Path], None]]] = {
    'a file in its place': ('refused', a_file),
    'a file above it': ('refused', a_file_above),
    'read-only': ('refused', read_only),
    'a folder in the place of a checkpoint': ('refused', a_folder_as_checkpoint),
    'a folder in the place of last_checkpoint': ('refused', a_folder_as_note),
    'full': ('stopped', full),
    'another run, which is killed later': ('refused', another_run),
    'a run on another machine': ('refused', a_run_elsewhere),
    'a run on another machine, silent for an hour': ('read', a_silent_run_elsewhere),
    'a job that Slurm has put back into the queue': ('read', a_job_put_back),
    'a lock whose process number was given again': ('read', a_number_given_again),
    'a lock that is being written': ('refused', an_empty_lock),
    'a lock while its run lives': ('read', a_lock_while_it_runs),
}

CASES = named_cases('work_dir', CHECKS)
