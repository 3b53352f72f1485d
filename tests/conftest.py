"""For all tests: drawn data and parsed annotations go to a folder of their own, on one core.

And one training by `tools/train.py` as a user would start it, and data in VOC layout.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mmlite.datasets.demo import draw_demo_set
from tests.runs import CHECKOUT, CLASSES, TINY, Ended, shell


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


@pytest.fixture(scope='session')
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """How the training ended, and its work dir; it was started from another folder."""
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    ended = shell([CHECKOUT / 'tools/train.py', TINY, '--work-dir', 'out'], cwd=elsewhere)
    return ended, elsewhere / 'out'


@pytest.fixture(scope='session')
def voc_part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder of VOC layout: 12 images in trainval.txt, 6 in test.txt."""
    return draw_demo_set(tmp_path_factory.mktemp('voc') / 'part', CLASSES, 12, 6, (112, 96))
