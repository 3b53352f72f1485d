"""--safe-config: values pass, everything that runs is refused with its line."""

from pathlib import Path

import pytest

from mmlite.config import check_files, load_config
from mmlite.errors import ConfigError
from mmlite.safe_config import check_holds_values_only, check_registered_types_only

CONFIGS = Path(__file__).resolve().parents[1] / 'configs'


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


def test_a_dotted_type_is_refused_with_its_path() -> None:
    cfg = dict(model=dict(type='SSD', neck=dict(type='os.system', command='true')))
    with pytest.raises(ConfigError, match=r'model\.neck\.type.*os\.system'):
        check_registered_types_only(cfg)
    check_registered_types_only(dict(model=dict(type='mmdet.SSDHead')))
