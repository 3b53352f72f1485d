from __future__ import annotations

import mmap
import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mmlite.engine.build import build_runner
from mmlite.engine.hooks import memory
from mmlite.engine.hooks.memory import host_memory, memory_figures
from tests.runs import log, scalars, tiny

NEEDS_PROC = pytest.mark.skipif(not Path('/proc/self/statm').exists(), reason='there is no /proc')


def take(mib: int, ready: object, leave: object) -> None:
    taken = np.ones(mib * 2**20, np.uint8)
    ready.set()
    leave.wait(60)
    assert len(taken)


@pytest.fixture
def child() -> Iterator[multiprocessing.Process]:
    """A process that takes 64 MiB beside what this one has."""
    context = multiprocessing.get_context('fork')
    ready, leave = context.Event(), context.Event()
    process = context.Process(target=take, args=(64, ready, leave))
    process.start()
    assert ready.wait(60)
    yield process
    leave.set()
    process.join()


@NEEDS_PROC
def test_memory_that_is_taken_counts() -> None:
    before = host_memory()
    with mmap.mmap(-1, 64 * 2**20) as taken:  # an array might get memory that is there already
        for _ in range(64):  # whole, malloc could keep what is written
            taken.write(b'1' * 2**20)
        assert host_memory() - before > 60
    assert host_memory() - before < 60


@NEEDS_PROC
def test_a_process_of_its_own_counts(child: multiprocessing.Process) -> None:
    assert host_memory(child.pid) > 64
    figures = memory_figures()
    assert figures['workers'] == pytest.approx(host_memory(child.pid), abs=1)
    assert figures['host'] == pytest.approx(host_memory(), abs=8)


@NEEDS_PROC
def test_a_process_that_has_ended_has_none() -> None:
    with subprocess.Popen([sys.executable, '-c', '']) as ended:
        ended.wait()
    assert host_memory(ended.pid) == 0


def test_where_there_is_no_proc_the_peak_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    now = host_memory()
    monkeypatch.setattr(memory.Path, 'exists', lambda self: False)
    assert now - 1 < host_memory() < 100 * now
    assert host_memory(1) == 0


def test_the_log_has_the_figures(tmp_path: Path) -> None:
    cfg = tiny(
        tmp_path,
        custom_hooks=[dict(type='MemoryHook', interval=2)],
        default_hooks__logger__interval=1,
        train_cfg__max_epochs=1,
    )
    build_runner(cfg).train()
    lines = {line['iter']: line for line in scalars(tmp_path) if 'loss' in line}
    assert 'memory/host' not in lines[1]
    assert lines[2]['memory/host'] == pytest.approx(host_memory(), rel=0.5)
    assert lines[2]['memory/workers'] == 0
    assert f'memory/host: {lines[2]["memory/host"]:.4f}  memory/workers: 0.0000' in log(tmp_path)
