"""Output that nobody reads any more, as of `| head`, ends no command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def dropping_unread_output() -> Iterator[None]:
    """What is printed after the reader of a pipe has left is dropped, and the program goes on.

    The process ignores SIGPIPE, as always in Python: a pipe to a data worker that breaks is still
    an error.
    """
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (
        _outliving_its_reader(own) if own is first and own is not None and not own.isatty() else own
        for own, first in zip(streams, (sys.__stdout__, sys.__stderr__), strict=True)
    )
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        sys.stdout, sys.stderr = streams


def _outliving_its_reader(stream: TextIO) -> TextIO:
    """The same stream as text, over a file that bears a broken pipe."""
    stream.flush()
    raw = _Outliving(stream.fileno(), 'w', closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),  # -u keeps nothing back
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _Outliving(io.FileIO):
    def write(self, data: bytes) -> int | None:
        try:
            return super().write(data)
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())  # for worker processes and C code too
            os.close(nowhere)
            return super().write(data)
