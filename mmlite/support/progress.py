"""How far a command is: a bar on a terminal, a line now and then where stderr is a file.

It is written to stderr, so that what a command prints can be read by another program. What takes
less than `FIRST` seconds says nothing.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar('T')
Advance = Callable[[int], None]

FIRST = 5.0  # seconds until the first line
_PAUSE = 10.0  # seconds between two lines, at least; later a twentieth of the time that has passed
_shown = False  # one at a time: what runs inside another one says nothing


def progress(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yields the items, and shows how many of them are done.

    Args:
        items: what is worked on, one after the other.
        title: what is done, as 'reading annotations'.
        total: how many there are; left out, as many as `len(items)` says, if it says it.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with showing_progress(title, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def showing_progress(title: str, total: int | None, done: int = 0) -> Iterator[Advance]:
    """Gives what is called with how many items have been done since the last call.

    Args:
        title: what is done.
        total: how many items there are; None where nobody knows.
        done: how many of them were done before.
    """
    global _shown
    if _shown or not _is_speaker():
        yield lambda count: None
        return
    _shown = True
    shown = (_Bar if sys.stderr.isatty() else _Lines)(title, total, done)
    try:
        yield shown.advance
    finally:
        _shown = False
        shown.close()


def _is_speaker() -> bool:
    """Whether this is the main process of the first rank, with a stderr."""
    from mmengine.dist import is_main_process

    in_worker = multiprocessing.parent_process() is not None
    return sys.stderr is not None and not in_worker and is_main_process()


class _Lines:
    """Lines of a log file: the first after `FIRST` seconds, then more and more rarely."""

    def __init__(self, title: str, total: int | None, done: int) -> None:
        self.title, self.total, self.done, self.before = title, total, done, done
        self.began = time.monotonic()
        self.next = FIRST

    def advance(self, count: int) -> None:
        self.done += count
        passed = time.monotonic() - self.began
        if passed >= self.next and self.done != self.total:
            self.next = passed + max(_PAUSE, passed / 20)
            self._print(passed)

    def close(self) -> None:
        if self.next > FIRST:  # a line has been printed: say how it ended
            self._print(time.monotonic() - self.began)

    def _print(self, passed: float) -> None:
        of = '' if self.total is None else f' of {self.total}'
        left = ''
        if self.total is not None and self.before < self.done < self.total:
            each = passed / (self.done - self.before)
            left = f', about {each * (self.total - self.done):.0f} s left'
        print(f'{self.title}: {self.done}{of}, {passed:.0f} s{left}', file=sys.stderr, flush=True)


class _Bar:
    """A bar of rich that disappears at the end; drawn by `advance`, so no thread is forked."""

    def __init__(self, title: str, total: int | None, done: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn('{task.description}'),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            auto_refresh=False,
            redirect_stdout=sys.stdout is not None and sys.stdout.isatty(),
        )
        self._task = self._progress.add_task(title, total=total, completed=done)
        self._drawn = 0.0
        self._progress.start()
        atexit.register(self._progress.stop)  # a process that fails would leave the cursor hidden
        _lead_log_past_the_bar()

    def advance(self, count: int) -> None:
        self._progress.advance(self._task, count)
        if time.monotonic() - self._drawn > 0.1:
            self._drawn = time.monotonic()
            self._progress.refresh()

    def close(self) -> None:
        self._progress.stop()
        atexit.unregister(self._progress.stop)
        _lead_log_past_the_bar()


def _lead_log_past_the_bar() -> None:
    """While a bar is shown, rich replaces sys.stdout and prints above the bar."""
    from mmengine.logging import MMLogger

    for handler in MMLogger.get_current_instance().handlers:
        if isinstance(handler, logging.StreamHandler) and not isinstance(
            handler, logging.FileHandler
        ):
            handler.setStream(sys.stdout)
