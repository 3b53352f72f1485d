from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.tools.doctor import QUESTIONS
from tests.runs import CHECKOUT, TINY, cli, shell


def test_a_clean_config_is_clean() -> None:
    ended = shell([CHECKOUT / 'tools/doctor.py', TINY])
    assert ended.status == 0, ended.out + ended.err
    lines = [line for line in ended.out.splitlines() if not line.startswith(' ')]
    assert lines[-1].startswith('23 ok; ')
    assert {line.split()[0] for line in lines[:-1]} == {'ok'}
    assert list(dict.fromkeys(line.split()[1] for line in lines[:-1])) == list(QUESTIONS)


def test_an_error_found_is_status_1() -> None:
    options = ['--cfg-options', 'model.bbox_head.num_classes=4', '--only', 'parts', 'priors']
    ended = cli('doctor', TINY, *options)
    assert ended.status == 1
    error, *_, skipped, count = ended.out.splitlines()
    assert error.startswith('error    parts          model.bbox_head.num_classes is 4, ')
    assert skipped == "skipped  priors         needs 'detector', which could not be made"
    assert count.startswith('1 error, 1 skipped; ')
    assert ended.err == f'doctor: 1 error in {TINY}\n'


def test_warnings_are_status_0() -> None:
    options = ['--cfg-options', 'train_dataloader.sampler.shuffle=False', '--only', 'sampling']
    ended = cli('doctor', TINY, *options)
    assert ended.status == 0
    assert ended.out.startswith('warning  sampling       train_dataloader.sampler does not shuffle')


def test_a_config_that_cannot_be_read_is_status_2(tmp_path: Path) -> None:
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(')
    assert cli('doctor', broken).status == 2
    assert cli('doctor', tmp_path / 'none.py').status == 2
    assert cli('doctor', TINY, '--only', 'nothing').status == 2


def test_what_time_does_not_allow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mmlite.cli.doctor.SECONDS', 0)
    ended = cli('doctor', TINY, '--only', 'schedule', 'sampling')
    assert ended.status == 0
    assert 'skipped  schedule       the 0 s are over\n' in ended.out
    assert '-> --full takes the time' in ended.out
    assert cli('doctor', TINY, '--only', 'schedule', '--full').out.startswith('ok ')


def test_weights_of_other_data_are_not_fetched() -> None:
    options = ['--demo-data', '--only', 'weights', 'frozen']
    ended = cli('doctor', CHECKOUT / 'configs/retinanet/retinanet_r18_fpn_1x_coco.py', *options)
    assert ended.status == 0, ended.out + ended.err
    assert 'skipped  weights        weights are drawn: --demo-data' in ended.out


def test_help_lists_the_checks() -> None:
    ended = cli('doctor', '--help')
    assert ended.status == 0
    assert all(f'  {name} ' in ended.out for name in QUESTIONS)
