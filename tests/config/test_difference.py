from __future__ import annotations

from mmlite.config.difference import config_difference


def test_leaves_that_differ() -> None:
    one = dict(
        model=dict(type='A', depth=18, list=[1, 2], neck=dict(), steps=[dict(n=[1])]),
        work_dir='x',
        helper=1,
        train_cfg=dict(max_epochs=3),
    )
    other = dict(
        model=dict(type='A', depth='18', list=[1, 3, 4], neck=None, steps=[dict(n=[1]), dict(n=2)]),
        work_dir='y',
        helper=2,
    )
    assert config_difference(one, other) == [
        ('model.depth', '18', "'18'"),
        ('model.list', '[1, 2]', '[1, 3, 4]'),
        ('model.neck', '{}', 'None'),
        ('model.steps.1.n', '-', '2'),
        ('train_cfg.max_epochs', '3', '-'),
    ]
    assert config_difference(one, one) == []
