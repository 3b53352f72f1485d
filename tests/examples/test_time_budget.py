"""The hook in a package of its own, found by its entry point once pip has installed it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.examples.short_run import EXAMPLES, FEW_DRAWN, SHORT
from tests.runs import CHECKOUT, log, shell
from tests.test_wheel import pip


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package; built from a copy, as setuptools writes beside it."""
    folder = tmp_path_factory.mktemp('time_budget')
    source = shutil.copytree(EXAMPLES / 'time_budget', folder / 'source')
    target = folder / 'site'
    pip('install', '--no-deps', '--no-build-isolation', '--no-index', '--target', target, source)
    return target


def test_the_installed_hook_ends_a_training_that_can_go_on(site: Path, tmp_path: Path) -> None:
    """No custom_imports, no --plugin: that the package is installed is all."""
    command = [CHECKOUT / 'tools/train.py', EXAMPLES / 'time_budget/time_budget_demo.py']
    command += ['--work-dir', 'w']
    budget = ['train_cfg.max_epochs=2', 'custom_hooks.1.hours=0']
    options = ['--cfg-options', *SHORT, *FEW_DRAWN, *budget]
    refused = shell([*command, *options], cwd=tmp_path)
    assert refused.status == 2
    assert "custom_hooks[1]: type 'TimeBudgetHook' is not in the registry 'hook'" in refused.err

    ended = shell([*command, *options], cwd=tmp_path, PYTHONPATH=str(site))
    assert ended.status == 0, ended.err
    work_dir = tmp_path / 'w'
    assert 'TimeBudgetHook: 1 epochs took' in log(work_dir)
    assert {path.name for path in work_dir.glob('epoch_*.pth')} == {'epoch_1.pth'}
    assert 'Epoch(val) [1]' in log(work_dir)

    resumed = shell([*command, '--resume', *options], cwd=tmp_path, PYTHONPATH=str(site))
    assert resumed.status == 0, resumed.err
    assert (work_dir / 'epoch_2.pth').is_file()


def test_it_is_listed_with_its_place(site: Path, tmp_path: Path) -> None:
    command = [CHECKOUT / 'tools/list_registry.py', 'TimeBudgetHook']
    listed = shell(command, cwd=tmp_path, PYTHONPATH=str(site))
    file = site.resolve() / 'time_budget.py'
    line = file.read_text(encoding='utf-8').splitlines().index('class TimeBudgetHook(Hook):') + 1
    expected = ['HOOKS', f'  TimeBudgetHook  {file}:{line}', '      (hours)']
    assert listed.out.splitlines()[:3] == expected
