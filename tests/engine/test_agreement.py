"""Numbers of a config that do not agree with the length of its training; 10 iterations an epoch."""

from __future__ import annotations

from typing import Any

import pytest

from mmlite.engine.agreement import Disagreement, Span, disagreements

WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=5)
STEPS = dict(type='MultiStepLR', by_epoch=True, end=8, milestones=[5, 7])
COSINE = dict(type='CosineAnnealingLR', by_epoch=True, begin=0, end=8, T_max=8)


def found(*schedules: dict, length: int = 8, by_epoch: bool = True, **others: Any):
    kind = 'EpochBasedTrainLoop' if by_epoch else 'IterBasedTrainLoop'
    own = others.pop('train_cfg', {})
    cfg = dict(
        train_cfg={'type': kind, 'max_epochs' if by_epoch else 'max_iters': length, **own},
        param_scheduler=list(schedules),
        **others,
    )
    return list(disagreements(cfg, Span.of(cfg['train_cfg'], 10)))


def only(*args: Any, **others: Any) -> Disagreement:
    (one,) = found(*args, **others)
    return one


def test_the_two_units() -> None:
    assert Span.of(dict(max_epochs=8), 10) == (8, 80, 10)
    assert Span.of(dict(max_iters=25), 10) == (2.5, 25, 10)
    assert str(Span.of(dict(max_epochs=8), 10)) == '8 epochs of 10 iterations'


@pytest.mark.parametrize(
    'schedules',
    [
        [],
        [WARM_UP],
        [WARM_UP, STEPS],
        [WARM_UP, COSINE],
        [WARM_UP, dict(COSINE, begin=4, T_max=4)],  # RTMDet's
        [
            dict(COSINE, end=5, T_max=5),
            dict(type='ConstantLR', factor=1, begin=5, end=8),
        ],  # YOLOX's
        [dict(COSINE, by_epoch=False, end=80, T_max=80)],
        [dict(type='PolyLR', eta_min=0.0)],  # it ends with the training
        [dict(STEPS, end=12)],  # where it ends is all one
        [COSINE, dict(type='LinearMomentum', end=2)],
        [dict(type='ReduceOnPlateauLR', monitor='loss')],
        [dict(type='PolyLR', by_epoch=False, end=75)],  # about
    ],
)
def test_schedules_that_agree(schedules: list[dict]) -> None:
    assert found(*schedules) == []


def test_a_warm_up_that_is_longer_than_the_training() -> None:
    one = only(dict(WARM_UP, end=500))
    assert str(one) == (
        'param_scheduler[0] (LinearLR): the warm-up lasts 500 iterations, the training 80: the '
        'full learning rate is never reached. Set param_scheduler.0.end=8, or train for longer'
    )
    assert (one.is_error, one.is_refused) == (True, False)
    assert 'lasts 9 epochs, the training 8' in only(dict(WARM_UP, by_epoch=True, end=9)).evidence


@pytest.mark.parametrize(
    'schedule',
    [
        COSINE,
        dict(COSINE, by_epoch=False, end=80, T_max=80),
        dict(type='PolyLR', end=8),
        dict(type='OneCycleLR', eta_max=0.1, end=8),
        dict(type='LinearLR', start_factor=1.0, end_factor=0.001, end=8),
    ],
)
def test_a_rate_of_nearly_0_for_most_of_a_training_is_refused(schedule: dict) -> None:
    one = only(WARM_UP, schedule, length=24)
    assert one.is_refused
    assert one.is_error
    assert 'the learning rate is nearly 0' in one.evidence


def test_its_message_has_the_keys_to_set() -> None:
    assert str(only(WARM_UP, COSINE, length=24)) == (
        'param_scheduler[1] (CosineAnnealingLR) ends after 8 epochs, and the training after 24: '
        'for the other 16 epochs the learning rate is nearly 0. Set param_scheduler.1.end=24 and '
        'param_scheduler.1.T_max=24'
    )


@pytest.mark.parametrize(
    'schedule', [STEPS, dict(COSINE, eta_min=1e-4), dict(COSINE, eta_min_ratio=0.05)]
)
def test_an_early_end_that_may_be_meant_is_a_warning(schedule: dict) -> None:
    one = only(WARM_UP, schedule, length=24)
    assert 'for the other 16 epochs the learning rate is what it is then' in one.evidence
    assert (one.is_error, one.is_refused) == (False, False)


def test_an_end_that_is_never_reached() -> None:
    one = only(WARM_UP, COSINE, length=4)
    assert one.evidence.endswith('the training after 4: the learning rate does not come down')
    assert one.change == 'param_scheduler.1.end=4 and param_scheduler.1.T_max=4'


@pytest.mark.parametrize(('t_max', 'text'), [(4, 'rises again after T_max=4'), (24, 'T_max=24')])
def test_a_cosine_of_another_length(t_max: int, text: str) -> None:
    one = only(dict(COSINE, T_max=t_max))
    assert text in one.evidence
    assert one.change == 'param_scheduler.0.T_max=8'


def test_milestones() -> None:
    one = only(dict(STEPS, milestones=[5, 8, 9]))
    assert '2 of 3 milestones, [8, 9], are not before the end of the training: 8' in one.evidence
    assert found(dict(STEPS, milestones=[8, 9])) == []  # `build_scheduler` says that
    one = only(dict(STEPS, end=6), length=8)  # mmdet's ms-2x: 12 epochs, milestones at 16 and 23
    assert 'the milestones [7] change nothing, as its end is 6' in one.evidence
    assert one.change == 'param_scheduler.0.end=8'


VAL = dict(val_dataloader=dict(dataset={}))


@pytest.mark.parametrize(
    ('length', 'interval', 'warns'),
    [(8, 1, False), (8, 7, False), (8, 8, True), (8, 9, True), (2, 3, True), (1, 3, False)],
)
def test_validations(length: int, interval: int, warns: bool) -> None:
    assert bool(found(length=length, train_cfg=dict(val_interval=interval), **VAL)) is warns
    assert not found(length=length, train_cfg=dict(val_interval=interval))


def test_validations_of_a_training_by_iterations() -> None:
    one = only(length=200, by_epoch=False, **VAL)  # 1000 is mmengine's default
    assert 'train_cfg.val_interval=1000 and the training has 200 iterations' in one.evidence
    assert one.change == 'train_cfg.val_interval=50'


def test_checkpoints() -> None:
    hooks = dict(default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=9)))
    assert 'only its end is saved' in only(**hooks).evidence
    hooks['default_hooks']['checkpoint']['save_last'] = False
    assert only(**hooks).is_error
    assert found(length=9, **hooks) == []
    assert found(length=30, by_epoch=False, **hooks) == []  # its unit is not said
