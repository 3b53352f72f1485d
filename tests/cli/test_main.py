"""The verbs: all are listed, have their help, and end quietly where nobody reads them."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import lab.cli
import mmlite
from mmlite.__main__ import main
from mmlite.cli.parser import GROUPS as PARSER_GROUPS
from mmlite.cli.verbs import GROUPS, VERBS, listing, summary
from tests.runs import CHECKOUT, cli, command_line


@pytest.mark.parametrize('verb', [*VERBS, *lab.cli.VERBS])
def test_every_verb_has_help_with_an_example_and_a_tool(verb: str) -> None:
    ended = cli(verb, '--help')
    assert ended.status == 0
    assert f'usage: {verb}' in ended.out
    started = 'python -m mmlite ' if verb in VERBS else 'python tools/'
    assert f'example: {started}{verb}' in ended.out
    assert (CHECKOUT / 'tools' / f'{verb}.py').is_file()


@pytest.mark.parametrize(
    ('program', 'words'),
    [
        ('tools/compare.py', 'python tools/compare.py'),
        ('/usr/bin/mmlite', 'mmlite compare'),
        ('/lib/mmlite/__main__.py', 'python -m mmlite compare'),
    ],
)
def test_examples_start_as_the_process_was_started(
    program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'argv', [program])
    assert f'example: {words} work_dirs/' in cli('compare', '--help').out


def test_the_list_has_each_verb_with_the_line_of_its_module(
    capsys: pytest.CaptureFixture,
) -> None:
    assert main([]) == main(['--help']) == 0
    out = capsys.readouterr().out
    assert out == 2 * (listing() + '\n')
    for verb in VERBS:
        line = command_line(verb).__doc__.splitlines()[0]
        assert line == summary(verb) and len(line) < 80
        assert re.search(rf'^  {verb} +{re.escape(line)}$', out, re.MULTILINE)


def test_the_page_of_the_tools_has_the_same_groups_and_verbs() -> None:
    found: dict[str, list[str]] = {}
    for line in (CHECKOUT / 'docs/tools.md').read_text(encoding='utf-8').splitlines():
        if line.startswith('## '):
            verbs = found.setdefault(line[3:], [])
        elif line.startswith('### '):
            verbs.append(line[4:])
    *_, laboratory = found
    assert found == {
        **{title: list(verbs) for title, verbs in GROUPS.items()},
        laboratory: list(lab.cli.VERBS),
    }


def test_an_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture) -> None:
    assert main(['trian']) == 2
    assert "Did you mean 'train'" in capsys.readouterr().err


def test_a_verb_of_the_laboratory_says_where_it_is(capsys: pytest.CaptureFixture) -> None:
    assert main(['benchmark']) == 2
    assert 'in a checkout, python tools/benchmark.py starts it' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'near'),
    [
        (['help', 'trian'], "there is no verb 'trian'. Did you mean 'train'"),
        (['analyze-dataset'], "Did you mean 'analyze_dataset'"),
        (['--resume', 'train'], 'a verb comes first, as in `mmlite train --resume`'),
    ],
)
def test_words_that_are_no_verb(words: list[str], near: str, capsys: pytest.CaptureFixture) -> None:
    assert main(words) == 2
    assert near in capsys.readouterr().err


def test_help_of_a_verb(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        main(['help', 'analyze_logs'])
    assert end.value.code == 0
    assert 'usage: analyze_logs WORK_DIR|scalars.json ... [flags]\n' in capsys.readouterr().out
    assert main(['help']) == 0
    assert capsys.readouterr().out == listing() + '\n'


def test_the_flags_of_a_verb_are_in_groups() -> None:
    lines = cli('train', '--help').out.splitlines()
    titles = [line for line in lines if line.endswith(':') and not line.startswith(' ')]
    assert lines[0] == 'usage: train CONFIG [flags]'
    assert titles == ['arguments:', *(f'{title}:' for title in PARSER_GROUPS)]
    assert not [line for line in lines if line.startswith('options')]


@pytest.mark.parametrize('verb', [*VERBS, *lab.cli.VERBS])
def test_no_flag_of_a_verb_is_outside_the_groups(verb: str) -> None:
    parser = command_line(verb).build_parser()
    groups = {group.title: group._group_actions for group in parser._action_groups}
    assert not groups['options']
    assert not [action for action in groups['arguments'] if action.option_strings]


def test_a_misspelt_flag_names_the_nearest_in_one_line() -> None:
    ended = cli('train', 'a.py', '--wrok-dir', 'x')
    assert ended.status == 2
    assert ended.err == (
        "train: unrecognized arguments: --wrok-dir x. Did you mean '--work-dir'? (--help lists all "
        'flags)\n'
    )


def test_the_version(capsys: pytest.CaptureFixture) -> None:
    for words in (['--version'], ['version']):
        assert main(words) == 0
        assert capsys.readouterr().out == f'mmlite {mmlite.__version__}\n'
    assert cli('train', '--version').out == f'mmlite {mmlite.__version__}\n'


@pytest.mark.parametrize('words', ['-m mmlite', '-u -m mmlite', '-m mmlite migrate_config --help'])
def test_a_reader_that_leaves_ends_nothing(words: str) -> None:
    process = subprocess.Popen(
        [sys.executable, *words.split()],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()  # before anything is written
    _, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, b'')
