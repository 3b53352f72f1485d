from __future__ import annotations

import io
import logging
from pathlib import Path

from mmlite.support.quiet import quiet_console


def test_a_quiet_console_leaves_the_file_its_lines(tmp_path: Path) -> None:
    logger = logging.Logger('quiet')
    screen = io.StringIO()
    console, file = logging.StreamHandler(screen), logging.FileHandler(tmp_path / 'log')
    for handler in (console, file):
        logger.addHandler(handler)
    with quiet_console(logger):
        logger.info('in the file')
    logger.info('in both')
    file.close()
    assert (tmp_path / 'log').read_text() == 'in the file\nin both\n'
    assert screen.getvalue() == 'in both\n'
