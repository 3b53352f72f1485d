from __future__ import annotations

import re
import sys

import pytest

from lab.verify_resume.verify import kill_points, short
from mmlite.config import load_config
from tests.runs import CHECKOUT, TINY, Ended, shell

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='Windows has no SIGKILL')


def verify(*args: object) -> Ended:
    return shell([CHECKOUT / 'tools/verify_resume.py', TINY, '--iters', 9, *args])


def test_killed_and_resumed_trainings_end_equal() -> None:
    ended = verify('--trials', 3)
    assert ended.status == 0, ended.err
    *trials, last = ended.out.splitlines()[-4:]
    assert last == '3 of 3 equal'
    for kind, line in zip(('kill process', 'kill while writing', 'terminate'), trials, strict=True):
        assert kind in line
        one, other = re.findall(r'\b[0-9a-f]{16}\b', line)
        assert one == other


def test_without_the_random_state_they_are_not() -> None:
    ended = verify('--trials', 1, '--seed', 3, '--without-random-state')
    assert ended.status == 1
    assert ended.out.splitlines()[-1] == '0 of 1 equal'
    assert 'UNEQUAL' in ended.out
    assert 'Traceback' not in ended.err


def test_each_kind_of_end_has_its_turn() -> None:
    points = kill_points(200, 10, 4, 0)
    assert {p.kind for p in points} == {'kill', 'kill while writing', 'terminate'}
    assert {p.iteration for p in points} == set(range(1, 10))  # never in the last one
    assert {p.rank for p in points} == {0, 1, 2, 3}
    assert {p.rank for p in points if p.kind == 'kill while writing'} == {0}


def test_what_is_hard_to_resume_is_on() -> None:
    cfg = short(load_config(CHECKOUT / 'configs/ssd/ssd_demo.py'), iters=30)
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.train_dataloader.batch_sampler.number == 10
    assert cfg.train_dataloader.num_workers == 2
    assert 'RandomResize' in [step.type for step in cfg.train_dataloader.dataset.pipeline]
    assert 'EMAHook' in [hook.type for hook in cfg.custom_hooks]
    assert 'LinearLR' in [scheduler.type for scheduler in cfg.param_scheduler]
    assert cfg.default_hooks.checkpoint.snapshot_interval == 4
    assert cfg.val_dataloader.dataset.indices == 4
