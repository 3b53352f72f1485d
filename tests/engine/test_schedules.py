"""Schedules: what they count, and where a training of this config would have them."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper
from torch import nn

from mmlite.engine.schedules import advance, build_scheduler, first_change, go_on, schedule_state
from mmlite.errors import ConfigError

WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=4)
STEPS = dict(type='MultiStepLR', by_epoch=True, milestones=[2, 3], gamma=0.1)


class Loop:
    """Of 3 batches in an epoch."""

    def __init__(self, max_epochs: int = 4, max_iters: int = 12) -> None:
        sampler = SimpleNamespace(sampler=None, batch_size=4)
        self.dataloader = type('Loader', (), dict(__len__=lambda _: 3, batch_sampler=sampler))()
        self.max_epochs, self.max_iters = max_epochs, max_iters


def wrapper(lr: float = 0.1) -> OptimWrapper:
    return OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9))


def build(optim: OptimWrapper, *cfgs: dict, loop: Loop | None = None, by_iteration: bool = False):
    logger = MMLogger.get_current_instance()
    return [
        build_scheduler(cfg, optim, loop or Loop(), by_iteration, f'param_scheduler[{i}]', logger)
        for i, cfg in enumerate(cfgs)
    ]


def rates(optim: OptimWrapper, schedulers: list, iterations: int) -> list[float]:
    """The rate of each iteration, stepped as mmengine's ParamSchedulerHook does."""
    found = []
    for i in range(1, iterations + 1):
        found.append(optim.param_groups[0]['lr'])
        for scheduler in schedulers:
            if not scheduler.by_epoch:
                scheduler.step()
        for scheduler in schedulers if i % 3 == 0 else []:
            if scheduler.by_epoch:
                scheduler.step()
    return found


POLY = dict(type='PolyLR', power=0.9, begin=1, by_epoch=True, convert_to_iter_based=True)
COSINE = dict(type='CosineAnnealingLR', by_epoch=True, begin=1, end=4, T_max=3)
MOMENTUM = dict(type='LinearMomentum', start_factor=0.5, by_epoch=False, end=5)
ONE_CYCLE = dict(type='OneCycleLR', by_epoch=False, eta_max=0.2)


@pytest.mark.parametrize(
    'cfgs', [(WARM_UP, STEPS), (WARM_UP, POLY), (COSINE, MOMENTUM), [ONE_CYCLE]]
)
@pytest.mark.parametrize(('epoch', 'done'), [(0, 0), (0, 2), (1, 0), (2, 1), (3, 3)])
def test_fresh_schedules_are_brought_to_where_a_training_has_them(
    cfgs: tuple, epoch: int, done: int
) -> None:
    trained = wrapper()
    schedulers = build(trained, *cfgs)
    rates(trained, schedulers, 3 * epoch + done)
    if done == 3:  # the epoch is not closed yet
        trained = wrapper()
        schedulers = build(trained, *cfgs)
        rates(trained, schedulers, 3 * epoch)
        for scheduler in schedulers * 3:
            if not scheduler.by_epoch:
                scheduler.step()
    fresh = wrapper()
    again = build(fresh, *cfgs)
    advance(again, dict(epoch=epoch, iter=3 * epoch + done, done_in_epoch=done), 3)
    assert fresh.param_groups[0]['lr'] == trained.param_groups[0]['lr']
    assert fresh.param_groups[0]['momentum'] == trained.param_groups[0]['momentum']
    assert [schedule_state(s) for s in again] == [schedule_state(s) for s in schedulers]


POSITION = dict(epoch=1, iter=4, done_in_epoch=1)


def saved(*cfgs: dict, lr: float = 0.1) -> list[dict]:
    optim = wrapper(lr)
    schedulers = build(optim, *cfgs)
    rates(optim, schedulers, 4)
    return [schedule_state(scheduler) for scheduler in schedulers]


@pytest.mark.parametrize(
    ('now', 'lr', 'same'),
    [
        ((WARM_UP, STEPS), 0.1, True),
        ((WARM_UP, STEPS), 0.2, False),
        ((WARM_UP, dict(STEPS, milestones=[2, 4])), 0.1, False),
        ((WARM_UP, dict(STEPS, gamma=0.5)), 0.1, False),
        ((WARM_UP, dict(STEPS, end=9)), 0.1, False),
        ((STEPS, WARM_UP), 0.1, False),
        ((WARM_UP,), 0.1, False),
        ((WARM_UP, dict(type='ExponentialLR', gamma=0.1)), 0.1, False),
    ],
)
def test_a_file_s_schedules_go_on_if_they_are_the_config_s(
    now: tuple, lr: float, same: bool
) -> None:
    states = saved(WARM_UP, STEPS)
    schedulers = build(wrapper(lr), *now)
    assert go_on(schedulers, states, POSITION) is same
    assert ([schedule_state(s) for s in schedulers] == states) is same
    assert schedulers[0]._global_step == (4 if same else 0)


def test_schedules_that_were_elsewhere_do_not_go_on() -> None:
    """Such as those of another number of images in a batch, whose iterations are others."""
    schedulers = build(wrapper(), WARM_UP, STEPS)
    assert not go_on(schedulers, saved(WARM_UP, STEPS), dict(epoch=1, iter=8, done_in_epoch=2))


def test_what_follows_metrics_keeps_its_count_and_takes_its_arguments() -> None:
    plateau = dict(type='ReduceOnPlateauLR', monitor='loss', patience=2)
    optim = wrapper()
    (before,) = build(optim, plateau)
    before.step(dict(loss=1.0))
    before.step(dict(loss=2.0))
    (now,) = build(wrapper(), dict(plateau, patience=7))
    assert go_on([now], [schedule_state(before)], POSITION)
    assert (now.best, now.num_bad_epochs, now.patience) == (1.0, 1, 7)


# ---- a training by iterations -------------------------------------------------------------------


def test_an_epoch_is_a_pass_through_the_data() -> None:
    optim = wrapper(1.0)
    schedulers = build(optim, STEPS, loop=Loop(4, 11), by_iteration=True)
    expected = [1.0] * 6 + [0.1] * 3 + [0.01] * 2  # after 2 and 3 passes of 3 iterations
    assert rates(optim, schedulers, 11) == pytest.approx(expected)


def test_a_converted_cosine_ends_with_the_training() -> None:
    """After 11 iterations, which are not whole passes of 3."""
    cosine = dict(type='CosineAnnealingLR', by_epoch=True, convert_to_iter_based=True)
    optim = wrapper(1.0)
    (scheduler,) = build(optim, cosine, loop=Loop(4, 11), by_iteration=True)
    assert (scheduler.by_epoch, scheduler.T_max, scheduler.end) == (False, 11, 11)
    assert rates(optim, [scheduler], 11)[-1] == pytest.approx(0.0203, abs=1e-4)  # cos(10/11 pi)


def test_the_unit_is_said() -> None:
    said: list[tuple[int, str]] = []
    logger = SimpleNamespace(
        log=lambda level, text: said.append((level, text)),
        warning=lambda text: said.append((logging.WARNING, text)),
    )
    unsaid = {key: value for key, value in STEPS.items() if key != 'by_epoch'}
    for cfg in (STEPS, unsaid, WARM_UP):
        build_scheduler(cfg, wrapper(), Loop(4, 12), True, 'param_scheduler[0]', logger)
    assert [level for level, _ in said] == [logging.INFO, logging.WARNING]
    assert 'counts epochs, as by_epoch is not set; the training counts iterations' in said[1][1]
    assert 'one pass through the data, 3 iterations' in said[1][1]


def test_milestones_in_iterations_are_not_taken_for_epochs() -> None:
    """In mmengine such a rate never falls, without a message."""
    cfg = dict(type='MultiStepLR', milestones=[60, 80])
    message = r'^param_scheduler\[0\] \(MultiStepLR\) changes nothing: .* after 60 epochs, .* the '
    with pytest.raises(ConfigError, match=message + r'training after 30\. .*by_epoch=False'):
        build(wrapper(), cfg, loop=Loop(30, 90), by_iteration=True)


@pytest.mark.parametrize(
    ('cfg', 'first'),
    [
        (STEPS, 2),
        (dict(STEPS, begin=1), 3),  # mmengine counts milestones from the begin
        (dict(type='StepLR', step_size=3), 3),
        (dict(type='CosineAnnealingLR', T_max=4), 0),
    ],
)
def test_the_first_change(cfg: dict, first: int) -> None:
    assert first_change(build(wrapper(), cfg)[0]) == first


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (dict(type='CosineAnnealingLR', begin=8), 'end should be larger than begin'),
        (dict(WARM_UP, convert_to_iter_based=True), 'by_epoch=False counts iterations already'),
    ],
)
def test_what_cannot_be_built_is_named(cfg: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=rf'^param_scheduler\[0\].*{message}'):
        build(wrapper(), cfg)
