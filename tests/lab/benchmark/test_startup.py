"""What is imported when: lists of modules, never seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lab.cli.benchmark import main
from tests.runs import CHECKOUT, TINY

# each takes a tenth of a second or more, and none is needed before something is drawn or computed
HEAVY = ('matplotlib', 'scipy', 'pandas', 'tensorboard', 'onnx', 'albumentations', 'pycocotools')


def modules_after(code: str) -> set[str]:
    """The modules that a fresh Python has after `code`, without those of torch and torchvision."""
    script = (
        'import sys, torch, torchvision\nbefore = set(sys.modules)\n'
        f'{code}\nprint("", *(set(sys.modules) - before), sep="\\n")'
    )
    command = [sys.executable, '-c', script]
    ended = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return set(ended.stdout.splitlines())


def heavy(modules: set[str]) -> set[str]:
    return {name for name in modules if name.split('.')[0] in HEAVY}


def test_the_package_by_itself_imports_next_to_nothing() -> None:
    own = {'', 'mmlite', 'mmlite.version'}
    assert modules_after('import mmlite') == own
    assert modules_after('import mmlite, matplotlib.figure') > own  # the comparison can fail


def test_the_parser_of_train_needs_neither_models_nor_runner() -> None:
    modules = modules_after('from mmlite.cli.train import build_parser; build_parser()')
    assert 'mmlite.cli.train' in modules
    assert not heavy(modules)
    unasked = ('mmlite.models', 'mmlite.engine.runner', 'mmlite.evaluation', 'mmlite.visualization')
    assert not {name for name in modules if name.startswith((*unasked, 'mmengine.visualization'))}


@pytest.mark.parametrize(
    'verb',
    [
        'test',
        'demo',
        'convert_checkpoint',
        'report',
        'compare',
        'analyze_logs',
        'list_registry',
    ],
)
def test_no_parser_needs_the_runner(verb: str) -> None:
    modules = modules_after(f'from mmlite.cli.{verb} import build_parser; build_parser()')
    assert not heavy(modules)
    assert 'mmlite.engine.runner' not in modules


def test_a_training_runs_without_what_draws_and_plots(tmp_path: Path) -> None:
    arguments = [str(TINY), '--work-dir', str(tmp_path), '--cfg-options', 'train_cfg.max_epochs=1']
    modules = modules_after(f'from mmlite.cli.train import main\nassert main({arguments}) == 0')
    assert {'mmlite.engine.runner', 'mmlite.models.heads.ssd_head'} <= modules
    assert not heavy(modules)
    assert (tmp_path / 'epoch_1.pth').is_file()


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'startup.json'
    command = ['startup', '--config', str(TINY), '--images', '30', '--rounds', '1']
    assert main([*command, '--out', str(out)]) == 0
    assert 'train one iteration' in capsys.readouterr().out
    report = json.loads(out.read_text())
    assert report['settings']['boxes'] == 216  # 30 x 7.2
    assert report['settings']['modules'] > 300  # mmlite's and mmengine's at least
    rows = {row['seconds to']: row for row in report['rows']}
    assert all(row['mmlite'] > 0 for row in rows.values())
    assert rows['import what a training needs']['floor'] > 0


def test_a_training_that_does_not_come_to_an_iteration_is_no_figure(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(['startup', '--config', 'nowhere.py', '--images', '1']) == 1
    said = capfd.readouterr().err
    assert 'nowhere.py' in said  # the training's own message
    assert 'ended with status 2' in said
