"""mmdet's eval_map, the peer of ours, from its wheel: installed, it needs a compiled mmcv."""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from mmlite.errors import ConfigError

HOW_TO_GET = "'pip download --no-deps mmdet==3.3.0' fetches the wheel that --peer takes"

_FOLDER = 'mmdet/evaluation/functional'
_PACKAGE = 'mmlite_benchmark_mmdet'


def load_mean_ap(peer: Path) -> ModuleType:
    """Returns mmdet's mean_ap.py.

    Args:
        peer: mmdet's wheel, or the folder that it was unpacked into.

    Raises:
        ConfigError: the file is not there.
    """
    for name in [name for name in sys.modules if name.startswith(_PACKAGE)]:
        del sys.modules[name]  # of another wheel
    package = ModuleType(_PACKAGE)
    package.__path__ = [str(peer / _FOLDER)]  # Python imports from inside a zip file too
    sys.modules[_PACKAGE] = package
    try:
        module = importlib.import_module(f'{_PACKAGE}.mean_ap')
    except ModuleNotFoundError as error:
        raise ConfigError(f'--peer: {peer} holds no {_FOLDER}/mean_ap.py; {HOW_TO_GET}') from error
    # in a process that is not forked there is no module of this name
    module.Pool = multiprocessing.get_context('fork').Pool
    return module


def without_processes(mean_ap: ModuleType, case: Callable[[], Any]) -> Any:
    """Runs a call of its eval_map without what a pool costs: one process at its best."""
    pool, mean_ap.Pool = mean_ap.Pool, _NoPool
    try:
        return case()
    finally:
        mean_ap.Pool = pool


class _NoPool:
    def __init__(self, processes: int) -> None:
        pass

    def starmap(self, function: Callable, arguments: Iterable[tuple]) -> list:
        return list(itertools.starmap(function, arguments))

    def close(self) -> None:
        pass
