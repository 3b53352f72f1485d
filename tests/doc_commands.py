"""Tries a command of the documentation: is everything in it there, and does it run?

Each command is parsed by the tool's own parser, and each file that it reads has to be one of the
stand-ins or written by a command further up. What has a short form below is then really run.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

import lab.cli
from mmlite.__main__ import VERBS
from mmlite.config import load_config
from tests.doc_blocks import Command
from tests.doc_sandbox import DEMO, with_stand_ins
from tests.runs import CHECKOUT, cli, command_line, shell

# programs that are not mmlite's, and why they are not run
OTHERS = {
    'git': 'clones from a server',
    'cd': 'the commands below it stay in the folder of the test',
    'unzip': 'of a download',
    'ruff': 'make lint runs it',
    'pre-commit': 'of a download',
    'source': 'of a new environment',
    'python3': 'makes a new environment',
}
ALL_VERBS = (*VERBS, *lab.cli.VERBS)

# verbs that are parsed here and run by other tests
RUN_ELSEWHERE = {
    'ablate': 'tests/lab/cli/test_ablate.py',
    'benchmark': 'tests/lab/benchmark',
    'convert_checkpoint': 'tests/cli/test_convert_checkpoint.py',
    'demo': 'tests/cli/test_demo.py',
    'export_onnx': 'tests/tools/export/test_onnx.py',
    'get_flops': 'tests/models/test_complexity.py',
    'migrate_config': 'tests/tools/migrate/test_cli.py',
    'model_info': 'test_costs_in_the_model_zoo of tests/test_docs.py',
    'replay': 'tests/cli/test_replay.py',
    'scoreboard': 'tests/lab/cli/test_scoreboard.py',
    'verify_resume': 'tests/lab/cli/test_verify_resume.py',
}
# configs whose commands are run, and what makes them short; the others' take hours, or weights
# from a server: they are loaded here, and built by tests/test_configs.py
_FEW_DRAWN = [
    f'+{loader}.dataset.{number}'
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader')
    for number in ('num_train=12', 'num_test=6')
]
SHORTER = {
    DEMO: ['train_cfg.max_epochs=1', *_FEW_DRAWN],
    'cells.py': ['train_cfg.max_epochs=1'],
    'bccd_config/bccd.py': ['train_cfg.max_epochs=1'],
    'cells_coco.py': ['train_cfg.max_epochs=1'],
    'tower.py': ['train_cfg.max_epochs=1', *_FEW_DRAWN],
}
SHORTER_FLAGS = {'doctor': ['--only', 'parts', 'classes', 'splits']}

# the arguments of all verbs that name files: those they read, and those they write
READ = ('config', 'configs', 'checkpoint', 'data_root', 'plugin', 'resume', 'results', 'source')
READ += ('inputs', 'runs', 'first', 'second', 'folder', 'old', 'file', 'verify', 'peer')
WRITTEN = ('work_dir', 'out', 'out_json', 'show_dir', 'html', 'target', 'new')


def has_flag(flag: str, verb: str | None) -> bool:
    """Whether a verb, or if none is given any verb, takes a flag."""
    verbs = [verb] if verb else ALL_VERBS
    return any(flag in _flags(command_line(v).build_parser()) for v in verbs)


def _flags(parser: argparse.ArgumentParser) -> set[str]:
    flags = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            flags = flags.union(*map(_flags, action.choices.values()))
    return flags


class Page:
    """The commands of a page, tried one after the other in the sandbox (the current folder)."""

    ran: ClassVar[set[str]] = set()  # on any page: once is enough

    def __init__(self) -> None:
        self.written: set[str] = set()  # by commands that were only parsed

    def try_command(self, command: Command) -> None:
        """Fails if a command would."""
        words = [with_stand_ins(word) for word in command.words]
        program, args = words[0], words[1:]
        if program == 'mmlite':
            self._try_verb(command, args[0], args[1:])
        elif program == 'python' and args[0] == '-m' and args[1] == 'mmlite':
            self._try_verb(command, args[2], args[3:])
        elif program == 'python' and re.fullmatch(r'tools/\w+\.py', args[0]):
            self._try_verb(command, Path(args[0]).stem, args[1:])
        elif program == 'python':
            _try_python(command, args)
        elif program == 'torchrun':
            script = next(i for i, word in enumerate(args) if word.startswith('tools/'))
            self._try_verb(command, Path(args[script]).stem, args[script + 1 :], run=False)
        elif program.endswith('.sh'):
            self._try_script(command, program, args)
        elif program == 'make':
            _try_make(command, args)
        elif program == 'pip':
            _try_pip(command, args)
        elif program not in OTHERS:
            pytest.fail(f"{command.place}: no way to try '{command}'")

    def _try_script(self, command: Command, script: str, args: list[str]) -> None:
        assert (CHECKOUT / script).is_file(), f'{command.place}: no {script}'
        if script == 'tools/dist_train.sh':
            self._try_verb(command, 'train', [args[0], *args[2:]], run=False)
        elif script == 'tools/dist_test.sh':
            self._try_verb(command, 'test', [*args[:2], *args[3:]], run=False)
        elif script == 'tools/slurm_train.sh':
            words = [args[2], '--work-dir', args[3], *args[4:]]
            self._try_verb(command, 'train', words, run=False)
        else:
            pytest.fail(f"{command.place}: no way to try '{command}'")

    def _try_verb(self, command: Command, verb: str, words: list[str], run: bool = True) -> None:
        assert verb in ALL_VERBS, f'{command.place}: no verb {verb}'
        args = _parsed(command, verb, words)
        for name in _paths(args, READ):
            known = name in self.written or '://' in name or Path(name).exists()
            assert known or list(Path().glob(name)), (
                f'{command.place}: {name} is neither a stand-in nor written before'
            )
        config = getattr(args, 'config', None)
        if config:
            load_config(config, getattr(args, 'cfg_options', ()))
        if run and verb not in RUN_ELSEWHERE and (config is None or config in SHORTER):
            if str(command) not in self.ran:
                _run(command, verb, words, config)
            self.ran.add(str(command))
        else:
            self.written.update(_paths(args, WRITTEN))
            if verb == 'train':
                self.written.update(_written_by_training(args))


def _parsed(command: Command, verb: str, words: Sequence[str]) -> argparse.Namespace:
    parser = command_line(verb).build_parser()
    try:
        return parser.parse_args(words)
    except SystemExit:
        pytest.fail(f"{command.place}: '{command}' does not parse")


def _paths(args: argparse.Namespace, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = getattr(args, name, None)
        for path in value if isinstance(value, list) else [value]:
            if isinstance(path, str) and path != 'auto':  # of a bare --resume
                yield path.rstrip('/')


def _work_dir(args: argparse.Namespace) -> Path:
    return Path(args.work_dir or f'work_dirs/{Path(args.config).stem}')


def _written_by_training(args: argparse.Namespace) -> list[str]:
    """The work dir and the checkpoint of the last epoch: a page that names another is wrong."""
    last = args.epochs or load_config(args.config, args.cfg_options).train_cfg.max_epochs
    return [str(_work_dir(args)), f'{_work_dir(args)}/epoch_{last}.pth']


def _run(command: Command, verb: str, words: list[str], config: str | None) -> None:
    words = words + SHORTER_FLAGS.get(verb, [])
    if config in SHORTER:
        at = words.index('--cfg-options') + 1 if '--cfg-options' in words else len(words)
        options = SHORTER[config] if at < len(words) else ['--cfg-options', *SHORTER[config]]
        words = [*words[:at], *options, *words[at:]]
    # a plugin registers its classes for good: not in this process
    apart = '--plugin' in words
    ended = shell([f'tools/{verb}.py', *words], Path()) if apart else cli(verb, *words)
    assert ended.status == 0, f'{command.place}: {command}\n{ended.err}'
    if verb == 'train':  # for the commands that follow
        args = _parsed(command, verb, words)
        args.cfg_options = []
        *_, last = _written_by_training(args)
        shutil.copyfile(_work_dir(args) / 'epoch_1.pth', last)


def _try_python(command: Command, args: list[str]) -> None:
    if args[0] == '-c':
        compile(args[1], command.place, 'exec')
    elif args[0] != '-m':
        assert Path(args[0]).is_file(), f'{command.place}: no file {args[0]}'
    else:
        assert importlib.util.find_spec(args[1]), f'{command.place}: no module {args[1]}'
        paths = [word for word in args[2:] if word.startswith('tests/')]
        assert all(Path(path).exists() for path in paths), f'{command.place}: {paths}'


def _try_make(command: Command, targets: Sequence[str]) -> None:
    rules = re.findall(r'^(\w+):', (CHECKOUT / 'Makefile').read_text('utf-8'), re.MULTILINE)
    assert set(targets) <= set(rules), f'{command.place}: the Makefile has {rules}'


def _try_pip(command: Command, args: Sequence[str]) -> None:
    """The extras and files that are named are there; nothing is installed."""
    extras = re.findall(
        r'^(\w+) = \[', (CHECKOUT / 'pyproject.toml').read_text('utf-8'), re.MULTILINE
    )
    assert args[0] in ('install', 'download', 'wheel'), command.place
    for word in args[1:]:
        for extra in re.findall(r'\[(\w+)\]', word):
            assert extra in extras, f'{command.place}: [{extra}]'
        assert not word.endswith('.txt') or Path(word).is_file(), f'{command.place}: no {word}'
