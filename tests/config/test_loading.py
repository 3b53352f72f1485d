from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from mmengine.config import Config

from mmlite.config import is_pretrained, load_config
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from tests.runs import CONFIGS

LEAVES = sorted(p for p in CONFIGS.rglob('*.py') if '_base_' not in p.parts)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_every_config_builds_its_detector(path: Path) -> None:
    cfg = load_config(path)
    detector = build_detector(cfg.model)
    head = cfg.model.get('bbox_head') or cfg.model.roi_head.bbox_head
    heads = head if isinstance(head, list) else [head]  # a cascade has several
    assert {one.num_classes for one in heads} == {detector.num_classes}


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_the_dump_of_a_config_is_the_same_config(path: Path, tmp_path: Path) -> None:
    cfg = load_config(path)
    cfg.dump(tmp_path / path.name)
    assert load_config(tmp_path / path.name).to_dict() == cfg.to_dict()


def write(folder: Path, **files: str) -> Path:
    """Writes NAME.py for each argument and returns the first one's path."""
    for name, text in files.items():
        (folder / f'{name}.py').write_text(text)
    return folder / f'{next(iter(files))}.py'


def test_a_base_is_merged_and_the_leaf_wins(tmp_path: Path) -> None:
    path = write(tmp_path, leaf="_base_ = './base.py'\na = dict(x=2)", base='a = dict(x=1, y=3)')
    assert load_config(path).a == dict(x=2, y=3)


def test_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / 'c.json').write_text(json.dumps(dict(model=dict(type='X'))))
    assert load_config(str(tmp_path / 'c.json'), ['model.type=Y']).model.type == 'Y'


def test_a_class_in_the_place_of_a_name_is_written_as_its_name(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        leaf='from mmlite.models.heads import SSDHead\nmodel = dict(bbox_head=dict(type=SSDHead))',
    )
    cfg = load_config(path)
    assert cfg.model.bbox_head.type == 'mmlite.models.heads.ssd_head.SSDHead'
    assert 'SSDHead' not in cfg
    assert "type='mmlite.models.heads.ssd_head.SSDHead'" in cfg.pretty_text


# ---- broken files -------------------------------------------------------------------------------


def message(path: Path) -> str:
    with pytest.raises(ConfigError) as info:
        load_config(path)
    return str(info.value)


def test_a_missing_file_names_the_nearest() -> None:
    text = message(CONFIGS / 'ssd' / 'ssd300_vco.py')
    assert text.startswith(f'config {CONFIGS / "ssd" / "ssd300_vco.py"}: no such file.')
    assert "Did you mean 'ssd300_voc.py'" in text


def test_a_missing_base_names_both_files(tmp_path: Path) -> None:
    path = write(tmp_path, leaf="_base_ = ['./base.py', './bas2.py']", base='')
    text = message(path)
    assert text.startswith(f'config {tmp_path / "bas2.py"} (a _base_ of {path}): no such file.')
    assert "Did you mean 'base.py'" in text


def test_bases_that_include_each_other(tmp_path: Path) -> None:
    path = write(tmp_path, one="_base_ = './two.py'", two="_base_ = './one.py'")
    assert message(path) == f'config {tmp_path / "two.py"}: its _base_ {path} includes it in turn'


@pytest.mark.parametrize(
    ('files', 'at'),
    [
        (dict(leaf='a = 1\nb = = 2'), 'leaf.py'),
        (dict(leaf="_base_ = './base.py'", base='a = 1\nb = = 2'), 'base.py'),
    ],
)
def test_a_syntax_error_names_file_and_line(tmp_path: Path, files: dict, at: str) -> None:
    text = message(write(tmp_path, **files))
    assert text.startswith(f'config {tmp_path / at}')
    assert 'line 2: invalid syntax: b = = 2' in text


@pytest.mark.parametrize(
    ('files', 'at'),
    [
        (dict(leaf='a = 1\nb = undefined + 1'), 'leaf.py'),
        (dict(leaf="_base_ = './base.py'", base='a = 1\nb = undefined + 1'), 'base.py'),
    ],
)
def test_an_error_of_the_code_names_file_and_line(tmp_path: Path, files: dict, at: str) -> None:
    assert message(write(tmp_path, **files)) == (
        f"config {tmp_path / at}, line 2: NameError: name 'undefined' is not defined"
    )


def test_a_key_in_two_bases(tmp_path: Path) -> None:
    path = write(tmp_path, leaf="_base_ = ['./one.py', './two.py']", one='a = 1', two='a = 2')
    assert message(path).startswith(f'config {path}: KeyError: ')


@pytest.mark.skipif(find_spec('mmpretrain') is not None, reason='mmpretrain is installed')
def test_mmpretrain_of_mmdets_configs_need_not_be_there(tmp_path: Path) -> None:
    imports = "custom_imports = dict(imports=['mmpretrain.models'], allow_failed_imports=False)"
    path = write(tmp_path, leaf=imports)
    assert load_config(path).custom_imports.imports == ['mmpretrain.models']
    path = write(tmp_path, both=imports.replace("s'", "s', 'not_installed'"))
    with pytest.raises(ConfigError, match="No module named 'not_installed'"):
        load_config(path)


@pytest.mark.parametrize(
    ('init_cfg', 'expected'),
    [
        (dict(type='Pretrained', checkpoint='a.pth'), True),
        (dict(checkpoint='a.pth'), True),  # as mmdet's configs of PVT have it
        (dict(type='Xavier', layer='Conv2d'), False),
        ([dict(type='Constant', val=1)], False),
        (None, False),
    ],
)
def test_what_names_weights(init_cfg, expected: bool) -> None:
    assert is_pretrained(init_cfg) is expected


def test_a_module_of_custom_imports_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, leaf="custom_imports = dict(imports=['not_installed'])")
    assert message(path) == (
        f"config {path}: custom_imports: No module named 'not_installed'. Is its folder on "
        'PYTHONPATH?'
    )


def test_an_import_in_the_config_that_fails(tmp_path: Path) -> None:
    path = write(tmp_path, leaf='a = 1\nimport not_installed')
    assert message(path).startswith(f"config {path}, line 2: No module named 'not_installed'")


@pytest.mark.parametrize('fault', ['import not_installed', 'raise ImportError("broken")'])
def test_an_import_error_inside_a_plugin_keeps_its_traceback(modules: Path, fault: str) -> None:
    write(modules, plugin=fault)
    path = write(modules, leaf="custom_imports = dict(imports=['plugin'])")
    with pytest.raises(ImportError, match=r'not_installed|broken') as info:
        load_config(path)
    assert 'plugin.py' in [Path(entry.path).name for entry in info.traceback]


def test_custom_imports_register_a_class(modules: Path) -> None:
    write(modules, plugin_of_this_test='LOADED = True')
    path = write(modules, leaf="custom_imports = dict(imports=['plugin_of_this_test'])")
    assert isinstance(load_config(path), Config)
    assert sys.modules['plugin_of_this_test'].LOADED


def test_bases_in_a_package_are_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / 'a.py').write_text("_base_ = 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py'\n")
    with pytest.raises(ConfigError, match=r"a\.py: its _base_ 'mmdet::ret.*mmdet/\.mim/configs"):
        load_config(tmp_path / 'a.py')


def test_the_newer_style_is_named(tmp_path: Path) -> None:
    text = 'from mmengine.config import read_base\n\nwith read_base():\n    from .b import *\n'
    (tmp_path / 'a.py').write_text(text)
    with pytest.raises(ConfigError, match=r'a\.py, line 3: read_base\(\) is .*newer style'):
        load_config(tmp_path / 'a.py')
