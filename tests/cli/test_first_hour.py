"""Each mistake of docs/first_hour.md is made, and says what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.errors import ConfigError
from tests.first_hour import MISTAKES, PAGE, Mistake, answer, make, prepare, section
from tests.runs import TINY

ALL = [mistake for part in MISTAKES.values() for mistake in part]


@pytest.fixture(scope='module')
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('first_hour')
    prepare(folder)
    return folder


@pytest.mark.parametrize('number', range(1, len(ALL) + 1), ids=lambda n: ALL[n - 1].title)
def test_a_mistake_says_what_the_page_shows(number: int, prepared: Path, tmp_path: Path) -> None:
    mistake: Mistake = ALL[number - 1]
    folder = tmp_path / 'made'
    ended = make(mistake, prepared, folder)
    said = answer(ended, folder)
    assert 'Traceback' not in ended.err
    assert said or 'no mistake' in mistake.note
    shown = '\n'.join(section(number, mistake, ended, said))
    assert f'{shown}\n' in PAGE.read_text('utf-8')


def test_the_page_has_no_other_mistakes() -> None:
    titles = [line for line in PAGE.read_text('utf-8').splitlines() if line.startswith('### ')]
    assert titles == [f'### {number}. {one.title}' for number, one in enumerate(ALL, 1)]


@pytest.mark.parametrize('number', range(1, len(ALL) + 1), ids=lambda n: ALL[n - 1].title)
def test_a_path_is_named_once(number: int) -> None:
    text = PAGE.read_text('utf-8').partition(f'### {number}. ')[2].partition('###')[0]
    said = text.partition('\n$ ')[2].partition('\n')[2]  # without the command
    for line in said.replace('\nWARNING', '\0').split('\0'):
        paths = [word.strip('\'",.;:()') for word in line.split() if '/' in word]
        assert len(paths) == len(set(paths)), line


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('optim_wraper', 'optim_wrapper'),
        ('train_cgf', 'train_cfg'),
        ('val_evaluater', 'val_evaluator'),
        ('train_dataloder', 'train_dataloader'),
        ('param_schedular', 'param_scheduler'),
        ('default_hook', 'default_hooks'),
        ('custom_hook', 'custom_hooks'),
        ('modle', 'model'),
        ('tset_evaluator', 'test_evaluator'),
        ('load_form', 'load_from'),
        ('Optim_Wrapper', 'optim_wrapper'),
    ],
)
def test_near_names_of_sections_are_refused_for_every_verb(
    name: str, meant: str, tmp_path: Path
) -> None:
    """All verbs load a config by `load_config`."""
    path = tmp_path / 'c.py'
    path.write_text(f'_base_ = {str(TINY)!r}\n{name} = dict(own=1)\n')
    with pytest.raises(ConfigError, match=rf"c.py, line 2: {name}: no section .* '{meant}'"):
        load_config(path)
    with pytest.raises(ConfigError, match=rf"no key '{name}'.*Did you mean '{meant}'"):
        load_config(TINY, [f'{name}.own=1'])
