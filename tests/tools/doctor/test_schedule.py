"""Lengths that do not agree are found, and a stretched schedule is named."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import examine
from tests.runs import TINY, cli

COSINE = dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=8, T_max=8)


def longer(cfg: Config) -> None:
    """As a config whose own file sets both: nothing says which of the two is meant."""
    cfg.train_cfg.max_epochs = 24
    cfg.param_scheduler = [COSINE]


def shorter(cfg: Config) -> None:
    cfg.param_scheduler = [COSINE]


def rising(cfg: Config) -> None:
    cfg.train_cfg.max_epochs = 8
    cfg.param_scheduler = [dict(COSINE, T_max=4)]


def one_milestone_late(cfg: Config) -> None:
    cfg.param_scheduler = [dict(type='MultiStepLR', milestones=[1, 8])]


def milestones_cut(cfg: Config) -> None:
    cfg.train_cfg.max_epochs = 24
    cfg.param_scheduler = [dict(type='MultiStepLR', end=12, milestones=[8, 16])]


def endless_warm_up(cfg: Config) -> None:
    cfg.param_scheduler[0].end = 500


def validated_once(cfg: Config) -> None:
    cfg.train_cfg.val_interval = 3


def saved_once(cfg: Config) -> None:
    cfg.default_hooks.checkpoint.interval = 5


def never_saved(cfg: Config) -> None:
    cfg.default_hooks.checkpoint.update(interval=5, save_last=False)


@pytest.mark.parametrize(
    ('plant', 'verdict'),
    [
        (longer, 'error'),
        (shorter, 'warning'),
        (rising, 'warning'),
        (one_milestone_late, 'warning'),
        (milestones_cut, 'warning'),
        (endless_warm_up, 'error'),
        (validated_once, 'warning'),
        (saved_once, 'warning'),
        (never_saved, 'error'),
    ],
)
def test_a_mistake_is_found(plant: Callable[[Config], None], verdict: str) -> None:
    cfg = load_config(TINY)
    plant(cfg)
    findings = list(examine(Context(cfg), only=['schedule']))
    assert verdict in {finding.verdict for finding in findings}, '\n'.join(map(str, findings))
    assert all(finding.change for finding in findings if finding.verdict != 'ok')


def test_doctor_takes_the_length_that_train_takes() -> None:
    ended = cli('doctor', TINY, '--epochs', '4', '--only', 'schedule', 'units')
    assert ended.status == 0, ended.err
    assert 'stretched' in ended.out.lower()
    assert 'param_scheduler.1.milestones [1] -> [2]' in ended.out
    assert 'warning' not in ended.out
