"""How each command ends, whatever happens in it: one line on stderr, and a status.

All verbs, `tools/*.py` and the laboratory pass through `ended`. Nothing here imports torch, so
that Ctrl-C while torch is imported ends in one line too.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from mmlite.errors import ExpectedError
from mmlite.support.environment import explained
from mmlite.support.pipes import UnwrittenOutputError, dropping_unread_output

# what the statuses mean, for the help and docs/tools.md
STATUSES = {
    0: 'done',
    1: 'failed: a check, the disk, the memory, a device',
    2: 'a mistake in the command line, a config, a path or the data',
    130: 'stopped by Ctrl-C (SIGINT)',
    143: 'stopped by SIGTERM',
}


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command in the way that Ctrl-C does."""


def start(module: str, argv: Sequence[str] | None = None) -> int:
    """Imports the module of a verb, runs its `main` and returns the exit status."""
    verb = module.rpartition('.')[2]
    return ended(verb, lambda: importlib.import_module(module).main(argv))


def ended(name: str, work: Callable[[], int | None], show_traceback: bool = False) -> int:
    """Does the work and returns the exit status, see `STATUSES`.

    Where the reader of a pipe leaves (`| head`), the rest of the output is dropped, the work is
    done to its end, and the status is that of the work. An error that nobody expects passes with
    its traceback.

    Args:
        name: what the message begins with.
        work: returns a status, None for 0.
        show_traceback: print the traceback of an expected error too.
    """
    try:
        with dropping_unread_output(), _ending_on_sigterm():
            try:
                return work() or 0
            except KeyboardInterrupt as error:
                return _said(name, error, show_traceback)
            except Exception as error:
                expected = error if isinstance(error, ExpectedError) else explained(error)
                if expected is None:
                    raise
                return _said(name, expected, show_traceback)
    except UnwrittenOutputError as error:
        with contextlib.suppress(OSError):  # perhaps stderr is the stream that is full
            print(f'{name}: {error}', file=sys.stderr, flush=True)
        return error.status


def _said(name: str, error: BaseException, show_traceback: bool) -> int:
    """Prints the line of an error, and returns its status."""
    if show_traceback:
        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        number = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
        print(f'{name}: stopped by {number.name}', file=sys.stderr)
        return 128 + number  # as a shell reports a process that a signal has ended
    print(f'{name}: {without_worker_traceback(str(error))}', file=sys.stderr)
    if error.next_step:
        print(error.next_step, file=sys.stderr)
    return error.status


def without_worker_traceback(message: str) -> str:
    """An error in a data-loading worker arrives with the worker's traceback around it."""
    if not message.startswith('Caught '):
        return message
    return re.split(r'\n[\w.]+Error: ', message)[-1].strip()


@contextlib.contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """SIGTERM raises `Terminated`, so that files are closed; a training listens by itself."""
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if not is_ours:
        yield
        return
    process = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a forked worker ends at once, without a message
            os._exit(128 + number)
        raise Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
