"""What `verify_resume` adds to a training: an end that comes too early, and a witness of chance."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dist import all_reduce, get_rank
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import BatchSampler, Sampler

from mmlite.engine.hooks.arguments import DataBatch, Outputs
from mmlite.registry import DATA_SAMPLERS, HOOKS

_FIRST_ITERATION = 0.1  # seconds, where there is none before it
_KILL = getattr(signal, 'SIGKILL', signal.SIGTERM)  # on Windows SIGTERM ends a process at once


@DATA_SAMPLERS.register_module()
class FirstBatches(BatchSampler):
    """The first `number` batches of an epoch."""

    def __init__(
        self, sampler: Sampler, batch_size: int, number: int, drop_last: bool = False
    ) -> None:
        super().__init__(sampler, batch_size, drop_last)
        self.number = number

    def __len__(self) -> int:
        return min(self.number, super().__len__())

    def __iter__(self) -> Iterator[list[int]]:
        for _, batch in zip(range(self.number), super().__iter__(), strict=False):
            yield batch


@HOOKS.register_module()
class RandomWitness(Hook):
    """Adds a little of what all generators of all processes draw to a weight in each iteration.

    So the weights hang on every random state, which few models' do: dropout is rare in detectors.

    Args:
        restore: False switches the restoring of the random state off in a resumed run.
    """

    def __init__(self, restore: bool = True) -> None:
        self.restore = restore

    def before_train(self, runner: Runner) -> None:
        if not self.restore:
            runner.restore_random_state = lambda: None

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        weight = next(p for p in runner.model.parameters() if p.requires_grad)
        drawn = torch.rand((), device=weight.device) + random.random() + np.random.rand()
        all_reduce(drawn)
        weight.data += 1e-5 * drawn


@HOOKS.register_module()
class Interrupt(Hook):
    """Ends the process; the arguments are those of `lab.verify_resume.verify.KillPoint`."""

    priority = 'VERY_HIGH'

    def __init__(self, iteration: int, kind: str, share: float, rank: int) -> None:
        self.iteration = iteration
        self.kind = kind
        self.share = share
        self.rank = rank
        self._begun = time.monotonic()
        self._duration = _FIRST_ITERATION

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        self._begun = time.monotonic()
        if runner.iter + 1 != self.iteration or get_rank() != self.rank:
            return
        if self.kind == 'kill while writing':
            os.fsync = _cut_and_die  # files are flushed to the disk before they get their name
        else:
            number = _KILL if self.kind == 'kill' else signal.SIGTERM
            end = (os.getpid(), number)
            threading.Timer(self.share * self._duration, os.kill, end).start()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: DataBatch = None, outputs: Outputs = None
    ) -> None:
        self._duration = time.monotonic() - self._begun


def _cut_and_die(handle: int) -> None:
    """Leaves the file as a kill in the middle of writing does."""
    os.truncate(handle, os.fstat(handle).st_size // 2)
    os.kill(os.getpid(), _KILL)
