"""`{{ _base_.name }}`: resolved as mmengine does, or refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'base.py').write_text(
        "root = 'data/'\nmodel = dict(backbone=dict(depth=18))\nsteps = [1, 2]\n"
    )
    return tmp_path


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('a.py', "_base_ = 'base.py'\nmine = {{ _base_.model.backbone }}\nother = {{_base_.root}}"),
        ('a.yaml', '_base_: base.py\nmine: {{ _base_.model.backbone }}\nother: {{_base_.root}}\n'),
        (
            'a.json',
            '{"_base_": "base.py", "mine": {{ _base_.model.backbone }}, "other": {{_base_.root}}}',
        ),
        (
            'b.py',
            "_base_ = 'base.py'\n# '{{ _base_.nothing }}' in a comment\n"
            'mine = _base_.model.backbone\nother = _base_.root',
        ),
    ],
)
def test_a_value_of_the_base(folder: Path, name: str, text: str) -> None:
    cfg = load_config(write(folder, name, text))
    assert cfg.mine == dict(depth=18)
    assert cfg.other == 'data/'


@pytest.mark.parametrize(
    ('name', 'text', 'place'),
    [
        ('a.py', "_base_ = 'base.py'\nmine = '{{ _base_.root }}'", 'line 2'),
        ('a.py', "_base_ = 'base.py'\nmine = '{{ _base_.root }}/train'", 'line 2'),
        ('a.yaml', '_base_: base.py\n\nmine: "{{ _base_.root }}"\n', 'line 3'),
        ('a.json', json.dumps({'_base_': 'base.py', 'mine': '{{ _base_.root }}'}), 'line 1'),
    ],
)
def test_in_quotes_is_refused(folder: Path, name: str, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as info:
        load_config(write(folder, name, text))
    assert f'{name}, {place}: ' in str(info.value)
    assert 'a template is written without quotes, {{ _base_.root }}' in str(info.value)


@pytest.mark.parametrize(
    ('template', 'message'),
    [
        ('{{ _base_.rot }}', r"its bases have no 'rot'\. Did you mean 'root'\?"),
        ('{{ _base_.model.backbon }}', r"no 'backbon'\. Did you mean 'backbone'\?"),
        ('{{ _base_.steps.0 }}', r"no '0' in \[1, 2\]"),
    ],
)
@pytest.mark.parametrize('name', ['a.py', 'a.yaml', 'a.json'])
def test_unknown_names_are_refused(folder: Path, name: str, template: str, message: str) -> None:
    texts = {
        'a.py': f"_base_ = 'base.py'\nmine = {template}",
        'a.yaml': f'_base_: base.py\nmine: {template}',
        'a.json': f'{{"_base_": "base.py",\n"mine": {template}}}',
    }
    if name == 'a.py' and 'steps' in template:
        message = 'invalid syntax'  # Python reads the file too
    with pytest.raises(ConfigError, match=message) as info:
        load_config(write(folder, name, texts[name]))
    assert f'{name}, line 2' in str(info.value)
