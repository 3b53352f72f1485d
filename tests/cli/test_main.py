from __future__ import annotations

import pytest

import lab.cli
from mmlite.__main__ import VERBS, main
from tests.runs import CHECKOUT, cli


@pytest.mark.parametrize('verb', [*VERBS, *lab.cli.VERBS])
def test_every_verb_has_help_with_an_example_and_a_tool(verb: str) -> None:
    ended = cli(verb, '--help')
    assert ended.status == 0
    assert f'usage: {verb}' in ended.out
    assert f'example: python tools/{verb}.py' in ended.out
    assert (CHECKOUT / 'tools' / f'{verb}.py').is_file()


def test_an_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture) -> None:
    assert main(['trian']) == 2
    assert "Did you mean 'train'" in capsys.readouterr().err
