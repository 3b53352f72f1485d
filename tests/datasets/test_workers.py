from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys

import pytest

from mmlite.datasets.loader import build_dataloader
from mmlite.datasets.workers import WorkerError, Workers
from mmlite.registry import DATASETS

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='signals of POSIX')


@DATASETS.register_module()
class Numbers:
    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> dict:
        return dict(number=i)


@pytest.mark.parametrize(
    'error', [ConnectionResetError(104, 'reset'), EOFError(), FileNotFoundError()]
)
def test_a_batch_that_breaks_off_with_its_worker(error: Exception) -> None:
    """The error comes before the end of the worker is known."""
    sampler = dict(type='DefaultSampler', shuffle=False)
    cfg = dict(dataset=dict(type='Numbers'), sampler=sampler, batch_size=2, num_workers=1)
    loader = build_dataloader(cfg, seed=0)
    workers = iter(loader)
    assert isinstance(workers, Workers)
    with pytest.raises(WorkerError, match='was killed by SIGKILL'), workers._explaining():
        os.kill(workers._workers[0].pid, signal.SIGKILL)
        raise error
    loader.end_workers()


def test_the_same_error_with_all_workers_alive_stays_what_it_is() -> None:
    sampler = dict(type='DefaultSampler', shuffle=False)
    cfg = dict(dataset=dict(type='Numbers'), sampler=sampler, batch_size=2, num_workers=1)
    loader = build_dataloader(cfg, seed=0)
    workers = iter(loader)
    with pytest.raises(FileNotFoundError), workers._explaining():
        raise FileNotFoundError
    loader.end_workers()


_FAULTS = """
import resource, sys
import numpy as np
from mmlite.datasets.workers import keep_freed_memory
if sys.argv[1] == 'kept':
    keep_freed_memory()
def make_pictures():
    pictures = [np.ones((1000, 1000), np.uint8) for _ in range(5)]
make_pictures()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
make_pictures()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason="another malloc than glibc's")
def test_freed_memory_is_taken_again_without_the_kernel() -> None:
    """Five pictures of 1 MB are 1220 pages of 4 KiB, which the kernel would have to clear."""
    faults = {
        how: int(subprocess.check_output([sys.executable, '-c', _FAULTS, how], text=True))
        for how in ('kept', 'given back')
    }
    assert faults['kept'] < 100 < faults['given back']
