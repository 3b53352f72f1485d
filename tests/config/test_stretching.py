"""Schedules that go along with the length of a training; numbers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mmlite.config import load_config
from mmlite.config.stretching import Length, Stretch, is_warm_up, stretch
from mmlite.errors import ConfigError
from tests.runs import CONFIGS

SHORT = CONFIGS / '_base_/schedules/short_8e.py'
WARM_UP = "dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50)"


def written(folder: Path, schedules: str, length: str = 'max_epochs=8') -> Path:
    path = folder / 'base.py'
    path.write_text(f'train_cfg = dict({length})\nparam_scheduler = {schedules}\n')
    return path


def moved(cfg: Any) -> dict[str, Any]:
    """What was stretched: key -> new value."""
    return {key: new for key, _, new in cfg.stretched.changes} if cfg.stretched else {}


COSINE = {'param_scheduler.1.end': 24, 'param_scheduler.1.T_max': 24}


def child(folder: Path, text: str, base: Path = SHORT, name: str = 'child') -> Path:
    path = folder / f'{name}.py'
    path.write_text(f'_base_ = {str(base)!r}\n{text}\n')
    return path


# ---- which form ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'options',
    [
        ['train_cfg.max_epochs=24'],
        {'train_cfg.max_epochs': 24},
        ["train_cfg=dict(type='EpochBasedTrainLoop',max_epochs=24)"],
        ['train_cfg.max_epochs=12', 'train_cfg.max_epochs=24'],
    ],
)
def test_an_override_in_any_form(options: Any) -> None:
    cfg = load_config(SHORT, options)
    assert moved(cfg) == COSINE
    assert str(cfg.stretched) == (
        'train_cfg.max_epochs is 24, and the schedules were written for 8. Stretched with it: '
        'param_scheduler.1.end 8 -> 24, param_scheduler.1.T_max 8 -> 24'
    )


def test_a_config_on_top(tmp_path: Path) -> None:
    longer = child(tmp_path, 'train_cfg = dict(max_epochs=24)')
    assert moved(load_config(longer)) == COSINE
    again = child(tmp_path, 'train_cfg = dict(max_epochs=24)', longer, 'again')
    assert moved(load_config(again)) == COSINE  # nothing new
    longest = child(tmp_path, 'train_cfg = dict(max_epochs=40)', longer, 'longest')
    assert moved(load_config(longest))['param_scheduler.1.end'] == 40  # 8 * 40 / 8
    options = ['train_cfg.max_epochs=80']
    assert moved(load_config(longest, options))['param_scheduler.1.T_max'] == 80


def test_bases_of_which_one_has_the_schedules_and_one_the_length(tmp_path: Path) -> None:
    (tmp_path / 'a.py').write_text(f'param_scheduler = [{WARM_UP}, dict(type="PolyLR", end=8)]')
    (tmp_path / 'b.py').write_text('train_cfg = dict(max_epochs=8)')
    (tmp_path / 'c.py').write_text("_base_ = ['a.py', 'b.py']\ntrain_cfg = dict(max_epochs=24)")
    assert moved(load_config(tmp_path / 'c.py')) == {'param_scheduler.1.end': 24}


def test_a_config_that_changes_the_schedules_means_its_own_length(tmp_path: Path) -> None:
    text = 'train_cfg = dict(max_epochs=24)\n'
    own = text + f'param_scheduler = [{WARM_UP}]'
    assert load_config(child(tmp_path, own)).stretched is None
    edited = text + '_base_.param_scheduler[1].T_max = 5'  # as mmdet's ms-2x configs do
    assert load_config(child(tmp_path, edited)).stretched is None


def test_what_is_set_by_hand_stays() -> None:
    by_hand = ['param_scheduler.1.end=24', 'param_scheduler.-1.T_max=20']
    assert load_config(SHORT, ['train_cfg.max_epochs=24', *by_hand]).stretched is None
    cfg = load_config(SHORT, ['train_cfg.max_epochs=24', by_hand[0]])
    assert moved(cfg) == {'param_scheduler.1.T_max': 24}
    all_of_it = [f'param_scheduler=[{WARM_UP}]', 'train_cfg.max_epochs=24']
    assert load_config(SHORT, all_of_it).stretched is None


def test_the_same_length_changes_nothing() -> None:
    assert load_config(SHORT, ['train_cfg.max_epochs=8']).stretched is None
    assert load_config(SHORT).stretched is None


def test_it_equals_the_config_with_all_keys_set_by_hand() -> None:
    keys = ('train_cfg.max_epochs', 'param_scheduler.1.end', 'param_scheduler.1.T_max')
    by_hand = load_config(SHORT, [f'{key}=24' for key in keys])
    short = load_config(SHORT, ['train_cfg.max_epochs=24'])
    assert short.to_dict() == by_hand.to_dict()
    assert short.pretty_text == by_hand.pretty_text


def test_what_a_run_has_written_is_as_long_as_it_says(tmp_path: Path) -> None:
    (tmp_path / 'dumped.py').write_text(load_config(SHORT, ['train_cfg.max_epochs=24']).pretty_text)
    assert load_config(tmp_path / 'dumped.py').stretched is None
    cfg = load_config(tmp_path / 'dumped.py', ['train_cfg.max_epochs=48'])
    assert cfg.param_scheduler[1].T_max == 48


def test_a_length_that_is_no_number_is_refused_as_always() -> None:
    with pytest.raises(ConfigError, match=r'train_cfg.max_epochs: a number from 1 up'):
        load_config(SHORT, ['train_cfg.max_epochs=0'])


# ---- which keys ---------------------------------------------------------------------------------

# schedules of 8 epochs, the new length, and what is moved
KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    'steps': (
        "[dict(type='MultiStepLR', end=8, milestones=[4, 6])]",
        12,
        {'param_scheduler.0.end': 12, 'param_scheduler.0.milestones': [6, 9]},
    ),
    'steps without an end, as a dict': (
        "dict(type='MultiStepLR', milestones=(4, 7))",
        4,  # 7 * 4 / 8 = 3.5, halves go up
        {'param_scheduler.milestones': [2, 4]},
    ),
    'steps of one size': (
        "[dict(type='StepLR', step_size=3)]",
        16,
        {'param_scheduler.0.step_size': 6},
    ),
    'a cosine from half on, as RTMDet': (
        "[dict(type='CosineAnnealingLR', begin=4, end=8, T_max=4)]",
        6,
        {
            'param_scheduler.0.begin': 3,
            'param_scheduler.0.end': 6,
            'param_scheduler.0.T_max': 3,
        },
    ),
    'a cosine without T_max': (
        "[dict(type='CosineAnnealingLR', end=8)]",
        6,
        {'param_scheduler.0.end': 6},
    ),
    'restarts': (
        "[dict(type='CosineRestartLR', periods=[3, 5], eta_min=0)]",
        4,  # ends 3 and 8 go to 1.5, so 2, and 4
        {'param_scheduler.0.periods': [2, 2]},
    ),
    'one cycle': (
        "[dict(type='OneCycleLR', eta_max=0.1, total_steps=8)]",
        16,
        {'param_scheduler.0.total_steps': 16},
    ),
    'a polynomial in iterations': (
        f"[{WARM_UP}, dict(type='PolyLR', by_epoch=False, begin=50, end=296)]",
        24,
        {'param_scheduler.1.end': 888},
    ),
    'a warm-up in epochs, longer': (
        "[dict(type='LinearLR', end=1), dict(type='CosineAnnealingLR', begin=1, end=8, T_max=7)]",
        24,
        {'param_scheduler.1.end': 24, 'param_scheduler.1.T_max': 23},
    ),
    'a warm-up in epochs, shorter': (
        "[dict(type='LinearLR', end=4), dict(type='CosineAnnealingLR', begin=4, end=8, T_max=4)]",
        4,
        {
            'param_scheduler.0.end': 2,
            'param_scheduler.1.begin': 2,
            'param_scheduler.1.end': 4,
            'param_scheduler.1.T_max': 2,
        },
    ),
    'a rate that falls linearly': (
        "[dict(type='LinearLR', start_factor=1.0, end_factor=0.01, end=8)]",
        16,
        {'param_scheduler.0.end': 16},
    ),
    'momentum': (
        "[dict(type='CosineAnnealingMomentum', T_max=8)]",
        4,
        {'param_scheduler.0.T_max': 4},
    ),
    'a factor for each epoch': ("[dict(type='ExponentialLR', gamma=0.9)]", 16, {}),
    'none': ('[]', 16, {}),
}


@pytest.mark.parametrize('name', KINDS)
def test_kinds_of_schedules(name: str, tmp_path: Path) -> None:
    schedules, length, expected = KINDS[name]
    cfg = load_config(written(tmp_path, schedules), [f'train_cfg.max_epochs={length}'])
    assert moved(cfg) == expected
    for key, value in expected.items():  # it is in the config too
        node = cfg
        for step in key.split('.'):
            node = node[int(step) if step.isdecimal() else step]
        assert node == value


def test_a_training_by_iterations(tmp_path: Path) -> None:
    steps = f"[{WARM_UP}, dict(type='MultiStepLR', by_epoch=False, milestones=[60, 80], end=90)]"
    path = written(tmp_path, steps, "type='IterBasedTrainLoop', max_iters=90")
    expected = {'param_scheduler.1.end': 180, 'param_scheduler.1.milestones': [120, 160]}
    assert moved(load_config(path, ['train_cfg.max_iters=180'])) == expected


def test_another_unit_is_not_stretched(tmp_path: Path) -> None:
    """How many iterations an epoch has is in the data."""
    text = "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=100)"
    assert load_config(child(tmp_path, text)).stretched is None


def test_hooks_and_loops_that_count_epochs() -> None:
    cfg = load_config(SHORT)
    cfg.custom_hooks = [
        dict(type='PipelineSwitchHook', switch_epoch=6),
        dict(type='YOLOXModeSwitchHook', num_last_epochs=2),
        dict(type='EMAHook', begin_epoch=1, momentum=0.1),
        dict(type='EMAHook', begin_iter=100),
    ]
    cfg.train_cfg.update(max_epochs=16, val_begin=2, dynamic_intervals=[(6, 1)], val_interval=3)
    found = stretch(cfg, Length(8, 'epochs'))
    assert isinstance(found, Stretch)
    assert [hook.get('switch_epoch') for hook in cfg.custom_hooks] == [12, None, None, None]
    assert cfg.custom_hooks[1].num_last_epochs == 4  # 16 - 12
    assert cfg.custom_hooks[2].begin_epoch == 2
    assert cfg.custom_hooks[3].begin_iter == 100
    assert (cfg.train_cfg.val_begin, cfg.train_cfg.dynamic_intervals) == (4, [(12, 1)])
    assert cfg.train_cfg.val_interval == 3


@pytest.mark.parametrize(
    ('schedule', 'expected'),
    [
        (dict(type='LinearLR', end=5), True),
        (dict(type='mmengine.optim.ConstantLR', factor=0.1, end=5), True),
        (dict(type='QuadraticWarmupLR', end=5), True),
        (dict(type='LinearLR', begin=2, end=5), False),
        (dict(type='LinearLR', start_factor=1.0, end_factor=0.1, end=5), False),
        (dict(type='ConstantLR', factor=1, begin=285, end=300), False),
        (dict(type='LinearLR'), False),
        (dict(type='PolyLR', end=5), False),
    ],
)
def test_what_a_warm_up_is(schedule: dict, expected: bool) -> None:
    assert is_warm_up(schedule) is expected
