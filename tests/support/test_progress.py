"""How far a command is: lines in a file, a bar on a terminal, nothing where it is quick."""

from __future__ import annotations

import io
import logging
import sys
import time

import pytest
from mmengine.logging import MMLogger

from mmlite.support.progress import progress, showing_progress
from tests.engine.hooks.test_progress import Terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in seconds, that a test sets."""
    now = [0.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    return now


def test_what_is_quick_says_nothing(capsys: pytest.CaptureFixture) -> None:
    assert list(progress('abc', 'reading')) == ['a', 'b', 'c']
    assert capsys.readouterr() == ('', '')


def test_lines_after_5_s_and_then_every_10_s(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    for _ in progress(range(20), 'reading'):  # 2 s each
        clock[0] += 2
    assert capsys.readouterr() == (
        '',
        'reading: 3 of 20, 6 s, about 34 s left\n'
        'reading: 8 of 20, 16 s, about 24 s left\n'
        'reading: 13 of 20, 26 s, about 14 s left\n'
        'reading: 18 of 20, 36 s, about 4 s left\n'
        'reading: 20 of 20, 40 s\n',
    )


def test_a_day_has_no_thousands_of_lines(clock: list[float], capsys: pytest.CaptureFixture) -> None:
    for _ in progress(range(86_400), 'testing'):
        clock[0] += 1
    # 20 lines of 10 s up to 200 s, then log(86400 / 200) / log(1.05) = 124
    assert 100 < len(capsys.readouterr().err.splitlines()) < 160


def test_a_total_that_nobody_knows(clock: list[float], capsys: pytest.CaptureFixture) -> None:
    for _ in progress(iter(range(3)), 'frames'):
        clock[0] += 3
    assert capsys.readouterr().err == 'frames: 2, 6 s\nframes: 3, 9 s\n'


def test_one_that_goes_on_counts_only_its_own_time(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    with showing_progress('training', 10, done=4) as advance:
        clock[0] += 6
        advance(2)  # 3 s each, 4 are left
    assert capsys.readouterr().err.startswith('training: 6 of 10, 6 s, about 12 s left\n')


def test_only_the_outer_one_speaks_and_an_error_ends_it(
    clock: list[float], capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(ZeroDivisionError):
        for _ in progress(range(2), 'outer'):
            for _ in progress(range(2), 'inner'):
                clock[0] += 6
            raise ZeroDivisionError
    assert 'inner' not in capsys.readouterr().err
    for _ in progress(range(2), 'later'):
        clock[0] += 6
    assert 'later: 1 of 2' in capsys.readouterr().err


def test_a_bar_on_a_terminal_and_the_log_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, out = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, 'stderr', terminal)
    monkeypatch.setattr(sys, 'stdout', out)
    monkeypatch.setenv('TERM', 'xterm')
    logger = MMLogger.get_instance('progress_bar')
    for _ in progress(range(2), 'reading'):
        print('found')  # stdout is a file: nothing of the bar goes there
    assert out.getvalue() == 'found\n' * 2
    assert 'reading' in terminal.getvalue()
    assert sys.stderr is terminal
    stream = next(h.stream for h in logger.handlers if type(h) is logging.StreamHandler)
    assert stream is out
