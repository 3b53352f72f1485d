"""Output that nobody reads any more, as of `| head`, or that has no room, ends no work."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from mmlite.errors import RunError


class UnwrittenOutputError(RunError):
    """What the command printed could not be written: the disk of the file is full, for example."""


@contextmanager
def dropping_unread_output() -> Iterator[None]:
    """What is printed after the reader of a pipe has left is dropped, and the program goes on.

    It also goes on where the output has no room, as a training has more to lose than its output.
    The process ignores SIGPIPE, as always in Python: a pipe to a data worker that breaks is still
    an error.

    Raises:
        UnwrittenOutputError: at the end, in the second case.
    """
    streams = sys.stdout, sys.stderr
    own: list[_Outliving] = []
    sys.stdout, sys.stderr = (
        _outliving_its_reader(stream, own)
        if stream is first and stream is not None and not stream.isatty()
        else stream
        for stream, first in zip(streams, (sys.__stdout__, sys.__stderr__), strict=True)
    )
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        sys.stdout, sys.stderr = streams
        lost = [raw for raw in own if raw.error is not None]
        if lost:
            raise UnwrittenOutputError(
                f'the output cannot be written: {lost[0].error.strerror}; the rest of it is lost'
            ) from lost[0].error


def _outliving_its_reader(stream: TextIO, own: list[_Outliving]) -> TextIO:
    """The same stream as text, over a file that supports a broken pipe."""
    stream.flush()
    raw = _Outliving(stream.fileno(), 'w', closefd=False)
    own.append(raw)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # -u keeps nothing back
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Outliving(io.FileIO):
    """A file that swallows what cannot be written; `error` is the reason, unless a pipe closed."""

    error: OSError | None = None

    def write(self, data: bytes) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.error = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for worker processes and C code too
            os.close(nowhere)
            return super().write(data)
