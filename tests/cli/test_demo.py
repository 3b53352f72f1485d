from __future__ import annotations

from pathlib import Path

from mmlite.cli.demo import CONFIG
from tests.runs import TINY, cli


def test_the_demo_trains_tests_and_draws(tmp_path: Path) -> None:
    ended = cli('demo', '--config', TINY, '--work-dir', tmp_path / 'demo')
    assert ended.status == 0, ended.err
    assert (tmp_path / 'demo' / 'curves.png').stat().st_size > 1000
    assert (tmp_path / 'demo' / 'pictures' / 'sheet.jpg').is_file()
    assert 'pascal_voc/mAP: ' in ended.out


def test_its_config_is_found_from_any_folder() -> None:
    assert Path(CONFIG).is_absolute()
    assert Path(CONFIG).is_file()
