"""A program prints on after its reader has left; another broken pipe is still an error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.runs import CHECKOUT

_PROGRAM = """
import os, sys
from mmlite.support.pipes import dropping_unread_output

with dropping_unread_output():
    print('first', flush=True)
    sys.stdin.readline()
    for _ in range(3):
        print('x' * 100_000)  # more than any buffer
    print('on stderr', file=sys.stderr)
    end, pipe = os.pipe()
    os.close(end)
    try:
        os.write(pipe, b'x')
    except BrokenPipeError:
        sys.exit(7)
"""


@pytest.mark.parametrize('flags', [[], ['-u']])
def test_what_is_printed_after_the_reader_has_left_is_dropped(flags: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, *flags, '-c', _PROGRAM],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b'first\n'
    process.stdout.close()
    _, err = process.communicate(b'go on\n', timeout=300)
    assert (process.returncode, err) == (7, b'on stderr\n')


def test_what_is_read_is_whole() -> None:
    program = (
        'import sys\nfrom mmlite.support.pipes import dropping_unread_output\n'
        "print('before')\nwith dropping_unread_output():\n    print('\\u732b')\nprint('after')\n"
    )
    out = subprocess.run(
        [sys.executable, '-X', 'utf8', '-c', program], cwd=CHECKOUT, capture_output=True, check=True
    ).stdout
    assert out.decode('utf-8').split() == ['before', '\u732b', 'after']


def test_a_stream_that_is_not_the_process_own_stays(capsys: pytest.CaptureFixture) -> None:
    from mmlite.support.pipes import dropping_unread_output

    before = sys.stdout
    with dropping_unread_output():
        assert sys.stdout is before
