"""How much memory a run takes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.registry import HOOKS

_MIB = 2**20


@HOOKS.register_module()
class MemoryHook(Hook):
    """Logs memory in MiB: `memory/host`, `memory/workers`, `memory/gpu`, `memory/gpu_reserved`.

    Host memory is what this process has now, that of the workers the sum over the data loaders'
    processes, in which pages that they share count several times. On a GPU: the most that tensors
    took, and that torch reserved, since the last log line, where mmengine starts to count again.

    Args:
        interval: iterations between two measurements.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        if not self.every_n_train_iters(runner, self.interval):
            return
        for name, mib in memory_figures().items():
            runner.message_hub.update_scalar(f'train/memory/{name}', mib)


def memory_figures() -> dict[str, float]:
    """Returns what MemoryHook logs, by name."""
    # mmengine's loop keeps its data loader's iterator to itself; nobody else starts processes
    workers = [worker.pid for worker in multiprocessing.active_children()]
    figures = dict(host=host_memory(), workers=float(sum(map(host_memory, workers))))
    if torch.cuda.is_available():
        figures['gpu'] = torch.cuda.max_memory_allocated() / _MIB
        figures['gpu_reserved'] = torch.cuda.max_memory_reserved() / _MIB
    return figures


def host_memory(pid: int | None = None) -> float:
    """Returns the resident memory of a process in MiB, 0 for one that has ended.

    Where there is no /proc: on macOS the most that this process ever had, on Windows 0, and 0 for
    other processes.

    Args:
        pid: None for this process.
    """
    if Path('/proc/self/statm').exists():
        try:
            pages = Path(f'/proc/{pid or "self"}/statm').read_text(encoding='utf-8').split()[1]
        except (FileNotFoundError, ProcessLookupError):
            return 0.0
        return int(pages) * os.sysconf('SC_PAGE_SIZE') / _MIB
    if pid not in (None, os.getpid()):
        return 0.0
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MIB if sys.platform == 'darwin' else 1024)  # bytes there, KiB elsewhere
