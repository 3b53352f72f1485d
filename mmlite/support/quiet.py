"""Keeps the log of what runs out of a report, or off the screen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_log() -> Iterator[None]:
    """Only errors are logged; afterwards what was logged before is logged again."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def quiet_console(logger: logging.Logger) -> Iterator[None]:
    """What this logger logs goes to its files only."""
    consoles = [
        handler for handler in logger.handlers if not isinstance(handler, logging.FileHandler)
    ]
    before = [handler.level for handler in consoles]
    for handler in consoles:
        handler.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for handler, level in zip(consoles, before, strict=True):
            handler.setLevel(level)
