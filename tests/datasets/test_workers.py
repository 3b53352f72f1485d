from __future__ import annotations

import os
import signal
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


def test_free_memory_is_given_back_before_workers_are_forked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given_back = []
    monkeypatch.setattr('mmlite.datasets.workers.give_back_memory', lambda: given_back.append(1))
    sampler = dict(type='DefaultSampler', shuffle=False)
    cfg = dict(dataset=dict(type='Numbers'), sampler=sampler, batch_size=2, num_workers=1)
    loader = build_dataloader(cfg, seed=0)
    assert given_back == []
    iter(loader)
    assert given_back == [1]
    loader.end_workers()
