"""SIGTERM and SIGINT: the run saves a checkpoint first, and all its processes leave together."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import torch
from torch import distributed

from mmlite.errors import RunError

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StoppedBySignal(RunError):
    """The run was asked to stop, has saved a checkpoint and leaves."""

    def __init__(self, number: int, iteration: int, checkpoint: str) -> None:
        name = signal.Signals(number).name
        super().__init__(
            f'stopped by {name} after iteration {iteration}; saved: {checkpoint}. '
            'The same command with --resume goes on from there'
        )
        self.status = 128 + number  # as a shell reports a process that a signal has ended


class StopSignals:
    """Remembers a signal until the loop asks for it; a second one ends the process at once.

    Only the main thread can listen: elsewhere signals do what they always do.
    """

    def __init__(self) -> None:
        self._received = 0
        self._previous: dict[int, object] = {}
        self._group: distributed.ProcessGroup | None = None

    def listen(self) -> None:
        """Takes the signals over; in a distributed run all processes have to call this."""
        if distributed.is_initialized() and distributed.get_backend() != 'gloo':
            # the processes ask each other in each iteration: on the host, where no device waits
            self._group = distributed.new_group(backend='gloo')
        if threading.current_thread() is threading.main_thread():
            self._previous = {s: signal.signal(s, self._remember) for s in _SIGNALS}

    def forget(self) -> None:
        """Gives the signals back to their previous handlers."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous = {}

    def received_by_any(self) -> int:
        """Returns the signal that any of the processes got, 0 for none; all have to call this."""
        if not distributed.is_initialized():
            return self._received
        number = torch.tensor(self._received)
        distributed.all_reduce(number, distributed.ReduceOp.MAX, self._group)
        return int(number)

    def received_here(self) -> int:
        """Returns the signal that this process got, 0 for none."""
        return self._received

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._received = number
        self.forget()
