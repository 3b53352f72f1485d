"""Runs of the tiny config, in this process or in one of its own."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import MMLogger

import lab.cli
from mmlite.config import load_config
from mmlite.engine.runner import Runner

CHECKOUT = Path(__file__).resolve().parents[1]
CONFIGS = CHECKOUT / 'configs'
LEAVES = [  # configs that are trained as they are
    *sorted(CONFIGS.glob('[!_]*/*.py')),
    *sorted((CHECKOUT / 'lab/ablation/configs').glob('*.py')),
]
TINY = CHECKOUT / 'tests' / 'tiny_ssd.py'
SHARED = Path(os.environ.get('MMLITE_SHARED') or CHECKOUT.parent / 'shared')
BCCD = SHARED / 'data/bccd'
CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
CLASSES = ('square', 'triangle', 'cross', 'ring', 'hourglass')


class Ended(NamedTuple):
    """How a command ended: exit status, and what it printed."""

    status: int
    out: str
    err: str


def command_line(verb: str) -> ModuleType:
    """The module of a verb, of the package or of the laboratory."""
    package = 'lab' if verb in lab.cli.VERBS else 'mmlite'
    return importlib.import_module(f'{package}.cli.{verb}')


def cli(verb: str, *args: object) -> Ended:
    """Runs a verb in this process."""
    main = command_line(verb).main
    MMLogger._instance_dict.clear()  # mmengine's `current` logger would be the last run's
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main([str(arg) for arg in args])
        except SystemExit as end:  # argparse's
            status = end.code
    return Ended(status, out.getvalue(), err.getvalue())


def shell(command: Sequence[object], cwd: Path = CHECKOUT, **env: str) -> Ended:
    """Runs `python COMMAND` as a user would."""
    words = [sys.executable, *map(str, command)]
    end = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, timeout=300, env={**os.environ, **env}
    )
    return Ended(end.returncode, end.stdout, end.stderr)


def browser(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Opens a page in CHROMIUM without a window, and without its asking the net for anything."""
    quiet = [
        *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'),
        *('--disable-background-networking', '--disable-component-update', '--disable-sync'),
    ]
    words = [CHROMIUM, *quiet, f'--user-data-dir={profile}', *flags, page.as_uri()]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


def tiny(work_dir: Path, **overrides: object) -> Config:
    """The tiny config with a work dir; `__` in a name stands for a dot, all may be new keys."""
    named = {f'+{key.replace("__", ".")}': value for key, value in overrides.items()}
    return load_config(TINY, {'work_dir': str(work_dir), **named})


def scalars(work_dir: Path) -> list[dict]:
    """The lines of scalars.json of the last run in a work dir."""
    file = max(work_dir.glob('*/vis_data/scalars.json'))
    return [json.loads(line) for line in file.read_text().splitlines()]


def log(work_dir: Path) -> str:
    """The text log of the last run in a work dir."""
    return max(work_dir.glob('*/*.log')).read_text()


def weights(work_dir: Path, name: str = 'epoch_2.pth') -> dict[str, torch.Tensor]:
    return torch.load(work_dir / name, weights_only=True)['state_dict']


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


class Watch(Hook):
    """Keeps a copy of the weights after each iteration."""

    def __init__(self) -> None:
        self.weights: list[dict[str, torch.Tensor]] = []

    def after_train_iter(self, runner: Runner, *args: object, **kwargs: object) -> None:
        state = runner.model.module.named_parameters()
        self.weights.append({name: p.detach().clone() for name, p in state})
