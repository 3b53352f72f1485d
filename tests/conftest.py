"""For all tests: drawn data and parsed annotations go to a folder of their own, on one core."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(scope='session', autouse=True)
def one_core_and_a_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Subprocesses inherit both by the environment."""
    torch.set_num_threads(1)
    cache = tmp_path_factory.mktemp('cache')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMLITE_CACHE', str(cache))
        patch.setenv('OMP_NUM_THREADS', '1')
        patch.delenv('TORCHELASTIC_RUN_ID', raising=False)
        yield cache


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that Python imports from; what a test imports from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], '__file__', '')).startswith(str(tmp_path)):
            del sys.modules[name]
