"""What Windows and macOS do in another way, tried here as far as Linux can."""

from __future__ import annotations

import ast
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mmlite.engine.hooks.memory import host_memory
from mmlite.engine.process import work_dir
from tests.runs import CHECKOUT, TINY, shell

_PLUGIN = """
import multiprocessing, pathlib
from mmlite.registry import TRANSFORMS

@TRANSFORMS.register_module()
class NoteStart:
    def __init__(self, file):
        self.file = file

    def __call__(self, results):
        name = multiprocessing.current_process().name
        pathlib.Path(self.file).write_text(f'{name} {multiprocessing.get_start_method()}')
        return results
"""
_CONFIG = f"""
_base_ = {TINY.as_posix()!r}
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='Resize', scale=(96, 96), keep_ratio=False),
    dict(type='NoteStart', file='seen.txt'),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(num_workers=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=1)
train_cfg = dict(max_epochs=1)
env_cfg = dict(mp_cfg=dict(mp_start_method='spawn'))
"""


def test_a_training_with_spawned_workers(tmp_path: Path) -> None:
    """As on Windows and macOS: the data set, its pipeline and a plugin's class are pickled."""
    (tmp_path / 'note_start.py').write_text(_PLUGIN, encoding='utf-8')
    (tmp_path / 'leaf.py').write_text(_CONFIG, encoding='utf-8')
    command = (CHECKOUT / 'tools/train.py', 'leaf.py', '--plugin', 'note_start.py')
    ended = shell(command, cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert (tmp_path / 'work_dirs/leaf/epoch_1.pth').is_file()
    process, method = (tmp_path / 'seen.txt').read_text(encoding='utf-8').split()
    assert process != 'MainProcess'
    assert method == 'spawn'


def test_a_name_that_the_console_cannot_write_ends_nothing(tmp_path: Path) -> None:
    config = shutil.copy(TINY, tmp_path / '猫.py')
    text = Path(config).read_text(encoding='utf-8').replace('../configs', 'configs')
    Path(config).write_text(text, encoding='utf-8')
    ended = shell((CHECKOUT / 'tools/model_info.py', config), PYTHONIOENCODING='cp1252')
    assert ended.status == 0, ended.err
    assert r'| \u732b | 96x96 |' in ended.out


@pytest.mark.parametrize(('silent', 'lives'), [(599, True), (601, False)])
def test_on_windows_the_process_of_a_lock_gets_no_signal(
    silent: float, lives: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There, os.kill(pid, 0) is Ctrl-C: the sign of life that is 600 s old decides."""
    monkeypatch.setattr(work_dir, '_ON_WINDOWS', True)
    monkeypatch.setattr(Path, 'exists', lambda path: False)  # no /proc
    monkeypatch.setattr(work_dir, '_started', lambda pid: None)
    monkeypatch.setattr(os, 'kill', lambda *_: pytest.fail('a signal was sent'))
    holder = dict(pid=os.getppid(), host=socket.gethostname(), started=None, job=None)
    assert work_dir._lives(holder, silent) is lives


def test_where_nobody_says_the_memory_of_a_process_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, 'exists', lambda path: False)  # no /proc
    monkeypatch.setitem(sys.modules, 'resource', None)  # Windows: importing it fails
    assert host_memory() == 0


def test_no_text_is_read_or_written_in_the_encoding_of_the_machine() -> None:
    """Windows' is another one. Of files that are opened ruff says it (PLW1514)."""
    found = [
        f'{path.relative_to(CHECKOUT)}:{node.lineno}'
        for path in (CHECKOUT / 'mmlite').rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
        if isinstance(node, ast.Call)
        and getattr(node.func, 'attr', '') in ('read_text', 'write_text')
        and len(node.args) == (node.func.attr == 'write_text')  # the encoding is the next one
        and 'encoding' not in [keyword.arg for keyword in node.keywords]
    ]
    assert found == []


def test_the_code_is_lint_free() -> None:
    command = [sys.executable, '-m', 'ruff', 'check', '--quiet', '--no-cache', '.']
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout
