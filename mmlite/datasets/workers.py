"""Workers of a data loader that end before their time: one message, in place of a hang.

torch raises from a signal handler when a worker dies, wherever the main process is: in the middle
of an optimiser's step, too. Here it does so only while the main process waits for a batch, when
each iteration before it is whole and can be saved.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from multiprocessing import connection, queues
from pathlib import Path
from typing import Any

import cv2
import torch
from torch.utils.data import DataLoader
from torch.utils.data._utils.signal_handling import _remove_worker_pids, _set_worker_pids
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from mmlite.errors import ExpectedError, RunError
from mmlite.parallel import DataContainer
from mmlite.support.allocator import give_back_memory, keep_pictures

_SHARED = Path('/dev/shm')
_SHARED_FULL = re.compile(
    r'allocate shared memory|shared memory object|insufficient shared memory|file </torch_\w+>'
)
_NO_MEMORY = re.compile(
    r"MemoryError|annot allocate memory|can't allocate memory|Failed to allocate \d|bad_alloc"
)
_SIGKILL, _SIGBUS = (getattr(signal, name, 0) for name in ('SIGKILL', 'SIGBUS'))  # not on Windows
# what receiving a batch raises when its sender ends in the middle of it
_BROKEN_OFF = (ConnectionError, EOFError, FileNotFoundError)
_UNTIL_KNOWN = 2.0  # seconds
_GRACE = 60  # seconds that a worker goes on after SIGTERM
_USED = 0.9  # share of the free memory that workers may fill
_A_WORKER = 300e6  # bytes, where that of a living one cannot be read
_AN_IMAGE = 3 * 1333 * 800  # bytes, before there was a batch to measure


class WorkerError(RunError):
    """A worker was killed, or had no memory; the message says what would fit."""


class Workers(_MultiProcessingDataLoaderIter):
    """torch's iterator over the batches of workers, which says why they ended."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = weakref.ref(loader)
        self._worker_pids_set = False
        self._image_bytes = _AN_IMAGE
        give_back_memory()
        with self._explaining():
            super().__init__(loader)

    def _reset(self, loader: DataLoader, first_iter: bool = False) -> None:
        with self._explaining():
            super()._reset(loader, first_iter)

    def _next_data(self) -> Any:
        with self._explaining():
            batch = super()._next_data()
        self._image_bytes = batch_bytes(batch) / self._batch_size or self._image_bytes
        return batch

    @property
    def _batch_size(self) -> int:
        return getattr(self._loader().batch_sampler, 'batch_size', None) or 1

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        """Lets the signal handler raise in this block, and turns what it says into one message."""
        try:
            self._listen()
            yield
        except (RuntimeError, MemoryError, OSError, EOFError) as error:
            reason = None if isinstance(error, ExpectedError) else self._reason(error)
            if reason is None:
                raise
            raise WorkerError(f'{self._loader().at}: {reason}') from error
        finally:
            if self._worker_pids_set:
                _remove_worker_pids(id(self))
                self._worker_pids_set = False

    def _listen(self) -> None:
        workers = getattr(self, '_workers', [])
        if not workers or self._worker_pids_set:  # they are being started
            return
        _set_worker_pids(id(self), tuple(worker.pid for worker in workers))
        self._worker_pids_set = True
        # any worker that died while nobody listened
        if any(
            on and not w.is_alive() for on, w in zip(self._workers_status, workers, strict=True)
        ):
            raise RuntimeError('a worker has ended')

    def _reason(self, error: BaseException) -> str | None:
        """What ended the workers, and what to do; None where it was something else."""
        number, text = self._loader().num_workers, str(error)
        workers = getattr(self, '_workers', [])
        if isinstance(error, _BROKEN_OFF):  # the end of the sender is known a moment later
            with contextlib.suppress(RuntimeError):  # the signal handler may say so first
                ended = connection.wait([w.sentinel for w in workers], _UNTIL_KNOWN)
                for worker in workers:
                    if worker.sentinel in ended:
                        worker.join(_UNTIL_KNOWN)
        dead = [worker for worker in workers if worker.exitcode is not None]
        if _SHARED_FULL.search(text) or any(w.exitcode == -_SIGBUS != 0 for w in dead):
            free = shutil.disk_usage(_SHARED).free if _SHARED.is_dir() else 0
            return (
                f'its {number} workers hand batches over in shared memory ({_SHARED}), which is '
                f'full. {self._advice(free, 0)}. More of it: docker run --ipc=host or '
                '--shm-size=8g. None is needed with num_workers=0'
            )
        if dead:
            ends = ', '.join(f'process {w.pid} {_end_of(w.exitcode)}' for w in dead)
            return f'of its {number} workers, {ends}. {self._memory_advice()}.'
        no_memory = isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN)
        if no_memory or isinstance(error, MemoryError) or _NO_MEMORY.search(text):
            return f'there is no memory for its {number} workers. {self._memory_advice()}.'
        return None

    def _memory_advice(self) -> str:
        alive = [w.pid for w in getattr(self, '_workers', []) if w.is_alive()]
        sizes = [size for size in map(own_memory, alive) if size]
        a_worker = max(sizes, default=_A_WORKER)
        return self._advice(free_memory() + sum(sizes), a_worker)

    def _advice(self, free: float, a_worker: float) -> str:
        number, held = self._loader().num_workers, self._prefetch_factor + 1
        return what_fits(free, a_worker, self._image_bytes * held, number, self._batch_size)


def what_fits(free: float, a_worker: float, an_image: float, workers: int, batch: int) -> str:
    """Says how many workers, or what batch, there is memory for.

    Args:
        free: bytes that all workers together may fill.
        a_worker: bytes that each takes before it holds a batch.
        an_image: bytes that a worker takes for each image of a batch, with what it loads ahead.
        workers, batch: as they are now.
    """
    usable = free * _USED
    fitting_workers = min(int(usable / (a_worker + an_image * batch)), workers)
    fitting_batch = min(int((usable / workers - a_worker) / an_image), batch)
    say = f'{free / 1e9:.1f} GB are free for them: '
    if fitting_workers == workers:
        return f'{say}{workers} workers and a batch of {batch} fit by now'
    if fitting_workers < 1 and fitting_batch < 1:
        return f'{say}num_workers=0 is what fits with a batch of {batch} (it loads in this process)'
    fits = []
    if fitting_workers >= 1:
        fits.append(f'num_workers={fitting_workers} with this batch of {batch}')
    if fitting_batch >= 1:
        fits.append(f'batch_size={fitting_batch} with {workers} workers')
    return f'{say}what fits is {", or ".join(fits)}'


def _end_of(exitcode: int) -> str:
    if exitcode == -_SIGKILL != 0:
        return 'was killed by SIGKILL: by hand or, for want of memory, by the kernel (see dmesg)'
    if exitcode < 0:
        return f'was killed by {signal.Signals(-exitcode).name}'
    return f'ended with status {exitcode}'


def batch_bytes(value: Any) -> int:
    """Bytes of all tensors in a batch."""
    return sum(tensor.nbytes for tensor in _tensors(value))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, DataContainer):
        yield from _tensors(value.data)
    elif isinstance(value, (Mapping, list, tuple)):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _tensors(item)


def free_memory() -> float:
    """Bytes that processes can still take, of the machine and of this container."""
    found = re.search(r'MemAvailable:\s*(\d+)', _text('/proc/meminfo'))
    free = int(found[1]) * 1024 if found else 0
    limit, used = (_text(f'/sys/fs/cgroup/memory.{name}').strip() for name in ('max', 'current'))
    if limit.isdigit() and used.isdigit():
        free = min(free, int(limit) - int(used))
    return max(free, 0)


def own_memory(pid: int) -> int:
    """Bytes that a process does not share with others, 0 where nobody says."""
    parts = re.findall(r'Private_\w+:\s*(\d+)', _text(f'/proc/{pid}/smaps_rollup'))
    return sum(map(int, parts)) * 1024


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding='utf-8')
    except OSError:
        return ''


class ShareBatch:
    """Makes a batch by another function; a worker puts its tensors into shared memory at once.

    Else the thread that sends them would: its errors reach nobody, and the main process waits for
    ever.
    """

    def __init__(self, collate_fn: Callable[[list], Any]) -> None:
        self.collate_fn = collate_fn

    def __call__(self, samples: list) -> Any:
        batch = self.collate_fn(samples)
        if torch.utils.data.get_worker_info() is not None:
            for tensor in _tensors(batch):
                if tensor.device.type == 'cpu':
                    tensor.share_memory_()
        return batch


def init_worker(worker_id: int) -> None:
    """Keeps a worker to one thread: as many workers as cores would otherwise fight for them.

    Ctrl-C and batch systems signal all processes at once. When to stop is the main process's
    business, which finishes its iteration and still needs its workers; they end when it does, or
    some time later.
    """
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    keep_pictures()
    queues.Queue._on_queue_feeder_error = staticmethod(_cannot_send)
    if hasattr(signal, 'alarm'):  # not on Windows
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: signal.alarm(_GRACE))


def _cannot_send(error: BaseException, batch: Any) -> None:
    """Ends this worker, which the main process notices; multiprocessing would go on without."""
    print(f'a worker cannot send its batch: {type(error).__name__}: {error}', file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)
