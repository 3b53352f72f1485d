"""How each verb ends where the machine or the user stops it: one line, and the right status.

A new verb is tested by itself: the list is that of `mmlite.cli.verbs`.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import lab.cli
from mmlite.cli import common
from mmlite.cli.ending import STATUSES, start
from mmlite.cli.verbs import VERBS
from mmlite.errors import DataError
from mmlite.evaluation import save_results
from mmlite.support.devices import find_device
from tests.runs import CHECKOUT, CLASSES, TINY, Ended, cli, command_line

ALL_VERBS = [*VERBS, *lab.cli.VERBS]

Work = Callable[[], None]


def ended(verb: str, work: Work, monkeypatch: pytest.MonkeyPatch) -> int:
    """Starts a verb as its script does, with `work` in the place of what it does."""
    module = command_line(verb)

    def run(parser: argparse.ArgumentParser, main: object, argv: list[str]) -> int:
        monkeypatch.setattr(parser, 'parse_args', lambda argv: argparse.Namespace())
        return common.run(parser, lambda args: work(), argv)

    monkeypatch.setattr(module, 'run', run)
    return start(module.__name__, [])


def raising(error: BaseException) -> Work:
    def work() -> None:
        raise error

    return work


def terminated() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(5)  # the handler comes first
    raise AssertionError('nothing has stopped it')


def below_a_file() -> None:
    Path(__file__, 'folder').mkdir(parents=True)


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number), '/w/a.pth')


ENDS: dict[str, tuple[Work, int, str]] = {
    'Ctrl-C': (raising(KeyboardInterrupt()), 130, 'stopped by SIGINT'),
    'SIGTERM': (terminated, 143, 'stopped by SIGTERM'),
    'full disk': (raising(os_error(errno.ENOSPC)), 1, '/w/a.pth cannot be written: No space left'),
    'read-only disk': (raising(os_error(errno.EROFS)), 2, '/w/a.pth: Read-only file system'),
    'no permission': (raising(os_error(errno.EACCES)), 2, '/w/a.pth: Permission denied'),
    'below a file': (below_a_file, 2, f'{Path(__file__, "folder")}: Not a directory'),
    'too many files': (raising(OSError(errno.EMFILE, 'Too many')), 1, 'Too many: `ulimit -n'),
    'no memory': (raising(MemoryError()), 1, 'there is not enough memory (MemoryError). '),
    'no memory of a GPU': (
        raising(torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.')),
        1,
        'there is not enough memory (CUDA out of memory. Tried to allocate 2.00 GiB.). ',
    ),
    'no memory of a CPU': (
        lambda: torch.empty(10**15),
        1,
        'there is not enough memory ([enforce fail at alloc_cpu.cpp',
    ),
    'no driver': (
        raising(RuntimeError('Found no NVIDIA driver on your system.')),
        1,
        'the GPU cannot be used: Found no NVIDIA driver',
    ),
    'unknown device': (
        lambda: find_device('tpu'),
        2,
        "--device tpu: there is no such device. Did you mean 'cpu'? cpu",
    ),
    'a GPU that is not there': (lambda: find_device('cuda:77'), 2, '--device cuda:77: '),
    'a mistake': (raising(DataError('a.jpg: broken')), 2, 'a.jpg: broken\n'),
}


@pytest.mark.parametrize('what', ENDS)
@pytest.mark.parametrize('verb', ALL_VERBS)
def test_every_verb_ends_with_one_line_and_the_status(
    verb: str, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    work, status, message = ENDS[what]
    assert ended(verb, work, monkeypatch) == status
    assert status in STATUSES
    out, err = capsys.readouterr()
    assert out == ''
    assert err.startswith(f'{verb}: {message}')
    assert err.count('\n') == 1
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (ZeroDivisionError(), OSError(errno.EIO, 'broken'), RuntimeError('a shape')):
        with pytest.raises(type(error)):
            ended('compare', raising(error), monkeypatch)


def test_a_sigterm_that_others_handle_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    got = []
    before = signal.signal(signal.SIGTERM, lambda *given: got.append(given[0]))
    try:
        assert ended('compare', lambda: os.kill(os.getpid(), signal.SIGTERM), monkeypatch) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert got == [signal.SIGTERM]


def test_a_forked_worker_ends_without_a_message(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
) -> None:
    statuses = []

    def work() -> None:
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    assert ended('compare', work, monkeypatch) == 0
    assert statuses == [143]
    assert capfd.readouterr() == ('', '')


# ---- the output ---------------------------------------------------------------------------------


def print_much() -> None:
    for _ in range(3):
        print('x' * 100_000)  # more than any buffer


def with_stdout(handle: int, verb: str, monkeypatch: pytest.MonkeyPatch) -> int:
    with open(handle, 'w', encoding='utf-8') as stream, monkeypatch.context() as patch:
        patch.setattr(sys, 'stdout', stream)
        patch.setattr(sys, '__stdout__', stream)
        return ended(verb, print_much, patch)


@pytest.mark.parametrize('verb', ALL_VERBS)
def test_a_reader_that_leaves_ends_no_verb(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    end, handle = os.pipe()
    os.close(end)
    assert with_stdout(handle, verb, monkeypatch) == 0
    assert capsys.readouterr().err == ''


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='only Linux has /dev/full')
@pytest.mark.parametrize('verb', ALL_VERBS)
def test_output_without_room_ends_with_one_line(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert with_stdout(os.open('/dev/full', os.O_WRONLY), verb, monkeypatch) == 1
    assert capsys.readouterr().err == (
        f'{verb}: the output cannot be written: No space left on device; the rest of it is lost\n'
    )


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='only Linux has /dev/full')
def test_a_process_whose_output_has_no_room() -> None:
    """Python itself says nothing more at its end."""
    with open('/dev/full', 'w', encoding='utf-8') as full:
        end = subprocess.run(
            [sys.executable, '-m', 'mmlite'],
            cwd=CHECKOUT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert end.returncode == 1
    assert end.stderr.count('\n') == 1 and 'No space left on device' in end.stderr


# ---- while Python imports -----------------------------------------------------------------------


def test_ctrl_c_while_torch_is_imported(modules: Path, capsys: pytest.CaptureFixture) -> None:
    (modules / 'slow_verb.py').write_text('raise KeyboardInterrupt\n', encoding='utf-8')
    assert start('slow_verb') == 130
    assert capsys.readouterr().err == 'slow_verb: stopped by SIGINT\n'


def test_what_starts_a_verb_imports_no_torch() -> None:
    code = 'import sys, mmlite.__main__; sys.exit("torch" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], cwd=CHECKOUT).returncode == 0


# ---- a place where nothing can be written, in the code of each verb itself -----------------------

# {t}: the tiny config, {w}: a work dir, {c}: its checkpoint, {r}: results, {i}: an image,
# {v}: data in VOC layout, {m}: an old config, {b}: a path below a file
UNWRITABLE = {
    'train': '{t} --work-dir {b}',
    'test': '{t} {c} --work-dir {b}',
    'predict': '{c} {i} --out {b}',
    'demo': '--config {t} --work-dir {b}',
    'explain': '{t} --html {b}/a.html',
    'analyze_dataset': '{t} --out {b}',
    'browse_dataset': '{t} --images 1 --out {b}',
    'report': '{r} --config {t} --out {b}/a.html',
    'compare': '{r} {r} --config {t} --rounds 2 --out {b}/a.html',
    'analyze_logs': '{w} --out {b}/a.png',
    'convert_dataset': '{v}/Annotations {b} --to coco --images {v}/JPEGImages',
    'migrate_config': '{m} {b}/a.py',
    'convert_checkpoint': '{c} {b}/a.pth',
    'eval_results': '{t} {r} --out-json {b}/a.json',
}


@pytest.mark.parametrize('verb', UNWRITABLE)
def test_a_place_below_a_file(
    verb: str, trained: tuple[Ended, Path], voc_part: Path, tmp_path: Path
) -> None:
    (tmp_path / 'file').write_text('', encoding='utf-8')
    box = [[8, 8, 40, 40, 0.9]]  # in each class of the 6 images that tiny_ssd tests on
    results = [[np.array(box, np.float32) for _ in CLASSES] for _ in range(6)]
    save_results(results, tmp_path / 'a.pkl')
    places = dict(
        t=TINY,
        w=trained[1],
        c=trained[1] / 'epoch_2.pth',
        r=tmp_path / 'a.pkl',
        i=next((voc_part / 'JPEGImages').iterdir()),
        v=voc_part,
        m=CHECKOUT / 'tests/tools/migrate/old/ssd300_coco_1x.py',
        b=tmp_path / 'file' / 'below',
    )
    end = cli(verb, *UNWRITABLE[verb].format(**places).split())
    assert end.status == 2, end.err
    last = end.err.strip().splitlines()[-1]
    assert last.startswith(f'{verb}: ') and str(tmp_path / 'file') in last
    assert 'Traceback' not in end.err
