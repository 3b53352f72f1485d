"""--safe-config: values pass, everything that runs is refused with its line."""

from pathlib import Path

import pytest

from mmlite.config import check_files, load_config
from mmlite.config.safe import (
    check_holds_values_only,
    check_registered_types_only,
    check_text_holds_values_only,
)
from mmlite.errors import ConfigError
from tests.runs import CONFIGS


@pytest.mark.parametrize('file', sorted(CONFIGS.glob('[!_]*/*.py')), ids=lambda f: f.stem)
def test_our_own_configs_pass(file: Path) -> None:
    check_holds_values_only(check_files(file))
    check_registered_types_only(load_config(file))


@pytest.mark.parametrize(
    'code',
    [
        'import os',
        "x = __import__('os').system('true')",
        "x = open('/etc/passwd').read()",
        'x = [i for i in range(3)]',
        'x = (lambda: 1)()',
        'def f(): pass',
        'x = ().__class__.__base__',
        "x = f'{1}'",
        "custom_imports = dict(imports=['os'])",
        'dict = eval',
        'x = eval',
        'x = _base_.__class__',
        "x = '{{$HOME:}}'",
        'x = {{ fileDirname }}',
        "x = '{{_base_.a}}'",
        "x = 'x' * 3",
        'x = [*([0] * 3)] * 3',
    ],
)
def test_code_is_refused_with_its_line(tmp_path: Path, code: str) -> None:
    file = tmp_path / 'c.py'
    file.write_text(f'a = 1\n{code}\n')
    with pytest.raises(ConfigError, match=r'c\.py, line 2'):
        check_holds_values_only(check_files(file))


def test_a_base_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / 'base.py').write_text('import os\n')
    (tmp_path / 'c.py').write_text("_base_ = 'base.py'\n")
    with pytest.raises(ConfigError, match=r'base\.py, line 1'):
        check_holds_values_only(check_files(tmp_path / 'c.py'))


def test_what_grows_is_refused(tmp_path: Path) -> None:
    line = 'a = [a, a, a, a, a, a, a, a, a, a]\n'
    check_text_holds_values_only('a = 1\n' + line * 4, 'few')
    with pytest.raises(ConfigError, match=r'many, line 7: a safe config holds up to 200000 values'):
        check_text_holds_values_only('a = 1\n' + line * 9, 'many')
    (tmp_path / 'base.py').write_text('a = 1\n' + line * 4)  # 10,000 values
    (tmp_path / 'c.py').write_text("_base_ = 'base.py'\nb = [" + '_base_.a, ' * 20 + ']')
    with pytest.raises(ConfigError, match=r'c\.py, line 2: a safe config holds up to'):
        check_holds_values_only(check_files(tmp_path / 'c.py'))


def test_values_of_a_base_pass(tmp_path: Path) -> None:
    (tmp_path / 'base.py').write_text('a = dict(lr=0.01 * 2)\ns = [4, 5, 6]\n')
    (tmp_path / 'c.py').write_text(
        "_base_ = 'base.py'\nb = {{_base_.a.lr}}\nc = _base_.a.lr\nd = _base_.s[1:]\n"
    )
    check_holds_values_only(check_files(tmp_path / 'c.py'))
    cfg = load_config(tmp_path / 'c.py')
    assert (cfg.b, cfg.c, cfg.d) == (0.02, 0.02, [5, 6])


def test_yaml_and_json_run_nothing_and_their_bases_are_checked(tmp_path: Path) -> None:
    (tmp_path / 'base.py').write_text('import os')
    for name, text in {'c.yaml': '_base_: base.py', 'c.json': '{"_base_": "base.py"}'}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(ConfigError, match=r'base\.py, line 1'):
            check_holds_values_only(check_files(tmp_path / name))
    (tmp_path / 'd.yaml').write_text('custom_imports: {imports: [os]}')
    with pytest.raises(ConfigError, match='custom_imports'):
        check_holds_values_only(check_files(tmp_path / 'd.yaml'))


def test_a_dotted_type_is_refused_with_its_path() -> None:
    cfg = dict(model=dict(type='SSD', neck=dict(type='os.system', command='true')))
    with pytest.raises(ConfigError, match=r'model\.neck\.type.*os\.system'):
        check_registered_types_only(cfg)
    check_registered_types_only(dict(model=dict(type='mmdet.SSDHead')))
