"""The wheel, installed into a folder of its own and used from another one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mmlite
from tests.runs import CHECKOUT, Ended, shell

_SOURCE = ('pyproject.toml', 'setup.py', 'README.md', 'LICENSE', 'requirements.txt')
_SMALL = (
    *(
        f'{part}_dataloader.{key}'
        for part in ('train', 'val', 'test')
        for key in ('num_workers=0', 'dataset.num_train=16', 'dataset.num_test=4')
    ),
    *('train_cfg.max_epochs=1', 'train_cfg.val_interval=1'),
)


def pip(*words: object) -> None:
    command = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check', *words]
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: setuptools leaves a folder `build` behind, whose files the next has."""
    folder = tmp_path_factory.mktemp('source')
    for name in ('mmlite', 'configs'):
        shutil.copytree(CHECKOUT / name, folder / name)
    for name in _SOURCE:
        shutil.copy(CHECKOUT / name, folder)
    pip('wheel', '--no-deps', '--no-build-isolation', '--wheel-dir', folder / 'dist', folder)
    return next(folder.glob('dist/mmlite-*.whl'))


@pytest.fixture(scope='module')
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('site')
    pip('install', '--no-deps', '--no-index', '--target', folder, wheel)
    return folder


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, from which the wheel's mmlite is the one that is imported."""
    monkeypatch.setenv('PYTHONPATH', str(installed))  # before the editable installation
    monkeypatch.setenv('PYTHONDONTWRITEBYTECODE', '1')
    ended = shell(('-c', 'import mmlite; print(mmlite.__file__)'), cwd=tmp_path)
    assert Path(ended.out.strip()) == installed / 'mmlite' / '__init__.py'
    return tmp_path


def script_of(installed: Path) -> Path:
    """The console script `mmlite`."""
    [script] = (installed / 'bin').glob('mmlite*')
    return script


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file()}


def test_the_wheel_holds_package_and_configs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {f'mmlite/{name}' for name in files_below(CHECKOUT / 'mmlite')}
    configs = {f'mmlite/configs/{name}' for name in files_below(CHECKOUT / 'configs')}
    expected = {name for name in sources | configs if '__pycache__' not in name}
    assert {name for name in names if '.dist-info/' not in name} == expected
    assert 'mmlite/py.typed' in names


def test_its_metadata_say_the_version_and_the_licence(wheel: Path) -> None:
    info = f'mmlite-{mmlite.__version__}.dist-info'
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f'{info}/METADATA').decode()
        assert f'{info}/licenses/LICENSE' in archive.namelist()
    assert f'\nVersion: {mmlite.__version__}\n' in metadata
    assert '\nRequires-Python: >=3.10\n' in metadata
    assert '\nLicense-Expression: Apache-2.0\n' in metadata


def test_it_trains_tests_and_predicts_from_another_folder(elsewhere: Path, installed: Path) -> None:
    before = files_below(installed)

    def mmlite_does(*words: object) -> Ended:
        ended = shell(('-m', 'mmlite', *words), cwd=elsewhere)
        assert ended.status == 0, ended.err
        return ended

    config = 'configs/ssd/ssd_demo.py'
    ended = mmlite_does('train', config, '--cfg-options', *_SMALL)
    assert f"mmlite's own is taken: {installed / 'mmlite' / config}" in ended.err
    checkpoint = 'work_dirs/ssd_demo/epoch_1.pth'
    tested = mmlite_does('test', config, checkpoint, '--cfg-options', *_SMALL)
    assert 'pascal_voc/mAP: ' in tested.out.splitlines()[-1]
    # the checkpoint holds its config: no base of it is needed here
    [image, *_] = sorted(Path(os.environ['MMLITE_CACHE']).glob('demo-*/JPEGImages/*.jpg'))
    mmlite_does('predict', checkpoint, image, '--out', 'shown')
    assert files_below(elsewhere / 'shown')
    assert files_below(installed) == before  # neither data nor results


def test_its_script_says_version_and_verbs(elsewhere: Path, installed: Path) -> None:
    script = script_of(installed)
    ended = shell((script, '--version'), cwd=elsewhere)
    assert ended.out == f'mmlite {mmlite.__version__}\n'
    ended = shell((script, 'benchmark'), cwd=elsewhere)  # the laboratory is not in the wheel
    assert ended.status == 2
    assert 'python tools/benchmark.py' in ended.err


def test_a_users_config_takes_one_of_the_wheel_as_its_base(
    elsewhere: Path, installed: Path
) -> None:
    text = "_base_ = 'configs/ssd/ssd300_voc07.py'\nmodel = dict(bbox_head=dict(num_classes=2))\n"
    (elsewhere / 'pets.py').write_text(text, encoding='utf-8')
    ended = shell((script_of(installed), 'model_info', 'pets.py'), cwd=elsewhere)
    assert ended.status == 0, ended.err
    assert '| pets | 300x300 |' in ended.out
