from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.config.own_files import CONFIGS, find_config
from mmlite.errors import ConfigError
from tests.runs import CHECKOUT, cli

DEMO = 'configs/ssd/ssd_demo.py'


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is no checkout."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_an_editable_installation_mmlites_own_configs_are_those_of_the_checkout() -> None:
    assert CONFIGS == CHECKOUT / 'configs'


def test_a_path_below_configs_that_is_not_there_is_mmlites_own() -> None:
    assert find_config(DEMO) == CHECKOUT / DEMO
    assert find_config('ssd/ssd_demo.py') == Path('ssd/ssd_demo.py')


def test_a_file_that_is_there_comes_first(elsewhere: Path) -> None:
    own = elsewhere / DEMO
    own.parent.mkdir(parents=True)
    own.write_text('a = 1', encoding='utf-8')
    assert find_config(DEMO) == Path(DEMO)
    assert load_config(DEMO).to_dict() == dict(a=1)
    # beside it, mmlite's others are still found
    assert find_config('configs/ssd/ssd_overfit.py') == CHECKOUT / 'configs/ssd/ssd_overfit.py'


def test_which_file_is_taken_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    here = load_config(CHECKOUT / DEMO)
    assert capsys.readouterr().err == ''
    assert load_config(DEMO).to_dict() == here.to_dict()
    assert capsys.readouterr().err == (
        f"{DEMO} is not here; mmlite's own is taken: {CHECKOUT / DEMO}\n"
    )


def test_base_finds_mmlites_own_configs(elsewhere: Path) -> None:
    leaf = elsewhere / 'pets' / 'leaf.py'
    leaf.parent.mkdir()
    leaf.write_text(f"_base_ = '{DEMO}'\nrandomness = dict(seed=7)", encoding='utf-8')
    cfg = load_config(leaf)
    assert cfg.randomness.seed == 7
    assert cfg.model == load_config(CHECKOUT / DEMO).model


@pytest.mark.parametrize('flag', [(), ('--safe-config',)], ids=['plain', 'safe'])
def test_a_misspelt_name_gets_the_nearest_of_mmlites_own(flag: tuple[str, ...]) -> None:
    ended = cli('get_flops', 'configs/ssd/ssd_dmo.py', *flag)
    assert ended.status == 2
    assert f"{CHECKOUT / 'configs/ssd/ssd_dmo.py'}: no such file. Did you mean 'ssd_demo.py'" in (
        ended.err
    )


def test_a_folder_that_mmlite_has_not_is_looked_for_here(elsewhere: Path) -> None:
    with pytest.raises(ConfigError, match=str(elsewhere / 'configs' / 'pets' / 'a.py')):
        load_config('configs/pets/a.py')
