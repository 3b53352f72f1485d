from __future__ import annotations

from pathlib import Path

from mmlite.config import load_config
from tests.runs import CHECKOUT, cli, shell

OLD = Path(__file__).parent / 'old' / 'ssd300_coco_1x.py'


def test_tool_writes_a_config_and_prints_what_changed(tmp_path: Path) -> None:
    new = tmp_path / 'new.py'
    ended = shell([CHECKOUT / 'tools' / 'migrate_config.py', OLD, new])
    assert ended.status == 0, ended.err
    assert ended.err == ''
    assert '| model.bbox_head.anchor_strides ' in ended.out
    assert ended.out.splitlines()[-1].endswith(' changes, 0 not mapped')
    text = new.read_text()
    assert text.startswith(f'# Made by tools/migrate_config.py from {OLD} (mmdet 1.x).\n')
    assert '_base_' not in text
    assert load_config(new).model.bbox_head.num_classes == 80


def test_what_is_not_mapped_is_a_warning(tmp_path: Path) -> None:
    old, new = tmp_path / 'old.py', tmp_path / 'new.py'
    old.write_text(f"_base_ = {str(OLD)!r}\nmodel = dict(backbone=dict(type='Mine'))\nodd = dict()")
    ended = cli('migrate_config', old, new)
    assert ended.status == 0
    assert 'warning: not mapped: odd = {}: nothing in the config reads it' in ended.err
    assert f'warning: {new} does not run yet: model.backbone: type' in ended.err
    assert ended.out.endswith('2 not mapped\n')


def test_mistakes_end_with_status_2(tmp_path: Path) -> None:
    new = tmp_path / 'new.py'
    nothing = cli('migrate_config', tmp_path / 'nothing.py', new)
    assert (nothing.status, new.exists()) == (2, False)
    assert 'no such file' in nothing.err
    recent = cli('migrate_config', CHECKOUT / 'configs' / 'ssd' / 'ssd300_coco.py', new)
    assert (recent.status, new.exists()) == (2, False)
    assert 'runs as it is' in recent.err
    for target, message in (
        (tmp_path / 'new.yaml', 'ends in .py'),
        (tmp_path / 'no_folder' / 'new.py', 'there is no folder'),
        (OLD, 'would be overwritten'),
    ):
        ended = cli('migrate_config', OLD, target)
        assert ended.status == 2
        assert message in ended.err
