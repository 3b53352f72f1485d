"""Installed packages with entry points of the group mmlite.plugins, and what they cost others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mmlite.errors import UnknownTypeError
from mmlite.registry import HEADS, find_anywhere
from mmlite.registry.plugins import import_installed_plugins
from tests.runs import TINY, cli

HEAD = """
from mmlite.registry import HEADS

IMPORTED = True

@HEADS.register_module()
class HeadOfAPackage(HEADS.get('SSDHead')):
    '''A head.'''
"""


def install(folder: Path, name: str, source: str) -> None:
    """Puts a module and what pip writes beside it into a folder on Python's path."""
    (folder / f'{name}.py').write_text(source)
    info = folder / f'{name}-1.5.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n')
    (info / 'entry_points.txt').write_text(f'[mmlite.plugins]\nanything = {name}\n')


@pytest.fixture
def site(modules: Path) -> Iterator[Path]:
    """An empty folder on Python's path, to install into; packages are looked for again."""
    import_installed_plugins.cache_clear()
    yield modules
    HEADS.module_dict.pop('HeadOfAPackage', None)
    import_installed_plugins.cache_clear()


def test_a_name_that_is_in_no_registry_is_looked_for_in_packages(site: Path) -> None:
    install(site, 'my_heads', HEAD)
    assert HEADS.find('HeadOfAPackage', 'h').__module__ == 'my_heads'


def test_find_anywhere_finds_them(site: Path) -> None:
    install(site, 'my_heads', HEAD)
    assert find_anywhere('HeadOfAPackage').__module__ == 'my_heads'


def test_a_misspelt_name_suggests_theirs(site: Path) -> None:
    install(site, 'my_heads', HEAD)
    with pytest.raises(UnknownTypeError, match="Did you mean 'HeadOfAPackage'"):
        HEADS.find('HeadOfPackage', 'h')


def test_who_needs_none_imports_none(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(site, 'broken', 'raise RuntimeError')
    assert HEADS.find('SSDHead', 'h') is find_anywhere('SSDHead')
    assert find_anywhere('mmlite.models.heads.ssd_head.SSDHead') is HEADS.find('SSDHead', 'h')
    assert capsys.readouterr().err == ''


def test_one_that_fails_is_named_once_and_the_others_work(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(site, 'broken', 'import not_installed')
    install(site, 'my_heads', HEAD)
    assert HEADS.find('HeadOfAPackage', 'h').__module__ == 'my_heads'
    told = capsys.readouterr().err
    start = "plugin package broken 1.5: its entry point 'anything' cannot import 'broken':\n"
    assert told.startswith(f'{start}Traceback')
    assert f'File "{site / "broken.py"}", line 1, in <module>\n    import not_installed' in told
    assert "ModuleNotFoundError: No module named 'not_installed'" in told
    with pytest.raises(UnknownTypeError, match=r'Plugin packages that failed, see above: broken 1'):
        HEADS.find('HeadOfBroken', 'h')
    assert capsys.readouterr().err == ''


def test_a_safe_config_may_name_what_is_installed(site: Path, tmp_path: Path) -> None:
    install(site, 'my_heads', HEAD)
    options = [f'--work-dir={tmp_path / "w"}', '--cfg-options', 'train_cfg.max_epochs=1']
    head = 'model.bbox_head.type'
    safe = cli('train', TINY, '--safe-config', *options, f'{head}=HeadOfAPackage')
    assert safe.status == 0, safe.err
    by_path = cli('train', TINY, '--safe-config', *options, f'{head}=my_heads.HeadOfAPackage')
    assert by_path.status == 2
    assert "--safe-config takes registered names only, found 'my_heads.Head" in by_path.err
