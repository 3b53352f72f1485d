from __future__ import annotations

from pathlib import Path

import pytest

from mmlite.config import load_config
from mmlite.errors import ConfigError

BASE = """
data_root = 'data/first/'
scale = (96, 96)
train_pipeline = [dict(type='LoadImageFromFile'), dict(type='Resize', scale=scale)]
train_dataloader = dict(dataset=dict(
    data_root=data_root, ann_file=data_root + 'train.txt', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data_root=data_root))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'base.py').write_text(BASE)
    return tmp_path


def load(folder: Path, text: str, base: str = 'base.py', name: str = 'child.py') -> dict:
    (folder / name).write_text(f'_base_ = {base!r}\n{text}')
    return load_config(folder / name)


def test_a_variable_that_a_base_has_used_is_refused_with_the_keys_to_set(folder: Path) -> None:
    with pytest.raises(ConfigError) as info:
        load(folder, "data_root = 'data/mine/'")
    assert str(info.value) == (
        f"config {folder / 'child.py'}, line 2: 'data_root' is a variable that a _base_ has "
        'already used; to set it here changes nothing. Set the keys that hold its value: '
        'train_dataloader.dataset.data_root, train_dataloader.dataset.ann_file, '
        'val_dataloader.dataset.data_root'
    )


@pytest.mark.parametrize(
    ('text', 'keys'),
    [
        ('scale = (64, 64)', 'train_dataloader.dataset.pipeline'),
        ('train_pipeline = []', 'train_dataloader.dataset.pipeline'),
    ],
)
def test_variables_that_are_used_by_way_of_others(folder: Path, text: str, keys: str) -> None:
    with pytest.raises(ConfigError, match=rf'hold its value: {keys}'):
        load(folder, text)


def test_through_a_base_of_the_base_and_from_yaml(folder: Path) -> None:
    load(folder, 'val_dataloader = dict(batch_size=2)', name='between.py')
    with pytest.raises(ConfigError, match=r"line 2: 'data_root' is a variable"):
        load(folder, "data_root = 'x'", base='between.py')
    (folder / 'child.yaml').write_text('_base_: base.py\ndata_root: x\n')
    with pytest.raises(ConfigError, match=r"child\.yaml, line 2: 'data_root' is a variable"):
        load_config(folder / 'child.yaml')


def test_a_variable_that_is_set_with_all_its_keys_is_taken(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    cfg = load(
        folder,
        "data_root = 'data/mine/'\n"
        "train_dataloader = dict(dataset=dict(data_root=data_root, ann_file=data_root + 'a.txt'))\n"
        'val_dataloader = dict(dataset=dict(data_root=data_root))\n',
    )
    assert cfg.val_dataloader.dataset.data_root == 'data/mine/'
    assert not capsys.readouterr().err


def test_one_that_reaches_a_part_of_its_keys_is_said(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    load(
        folder,
        "data_root = 'data/mine/'\n"
        "train_dataloader = dict(dataset=dict(data_root=data_root, ann_file='a.txt'))\n",
    )
    assert capsys.readouterr().err.endswith(
        "'data_root' does not reach all keys of its _base_: the value of before is still in "
        'val_dataloader.dataset.data_root\n'
    )


@pytest.mark.parametrize(
    'text',
    [
        "data_root = 'data/first/'",  # the value that it has
        'mine = 3',  # no variable of the base
        "val_dataloader = dict(dataset=dict(data_root='x'))",
    ],
)
def test_what_is_no_mistake(folder: Path, text: str) -> None:
    load(folder, text)
