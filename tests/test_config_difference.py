from __future__ import annotations

from mmlite.config_difference import config_difference


def test_leaves_that_differ() -> None:
    one = dict(
        model=dict(type='A', depth=18, list=[1, 2], neck=dict()),
        work_dir='x',
        helper=1,
        train_cfg=dict(max_epochs=3),
    )
    other = dict(
        model=dict(type='A', depth='18', list=[1, 3, 4], neck=None), work_dir='y', helper=2
    )
    assert config_difference(one, other) == [
        ('model.depth', '18', "'18'"),
        ('model.list.1', '2', '3'),
        ('model.list.2', '-', '4'),
        ('model.neck', '{}', 'None'),
        ('train_cfg.max_epochs', '3', '-'),
    ]
    assert config_difference(one, one) == []
