from __future__ import annotations

import pytest

from mmlite.errors import ArgumentError
from mmlite.registry import BACKBONES, LOSSES, Registry, find_anywhere, parameters_of
from mmlite.registry.inert import INERT
from tests.inert_table import BEGIN, END, PAGE, table


def test_what_changes_nothing_is_accepted() -> None:
    loss = LOSSES.build(dict(type='FocalLoss', reduction='mean', activated=False, gamma=1.0))
    assert loss.gamma == 1.0
    LOSSES.check(dict(type='CIoULoss', reduction='mean'), 'model.bbox_head.loss_bbox')


def test_lists_are_tuples_in_a_config() -> None:
    BACKBONES.check(dict(type='ResNet', depth=18, strides=[1, 2, 2, 2]), 'model.backbone')


@pytest.mark.parametrize(
    ('registry', 'cfg', 'message'),
    [
        (
            LOSSES,
            dict(type='GIoULoss', reduction='sum'),
            "at.reduction: GIoULoss supports only reduction='mean' of mmdet, found 'sum'.",
        ),
        (
            BACKBONES,
            dict(type='ResNet', depth=50, pretrained='torchvision://resnet50'),
            'at.pretrained: ResNet supports only pretrained=None of mmdet, found '
            "'torchvision://resnet50'. Instead: init_cfg=dict(type='Pretrained', checkpoint=...).",
        ),
    ],
)
def test_any_other_value_is_an_error(registry: Registry, cfg: dict, message: str) -> None:
    with pytest.raises(ArgumentError) as info:
        registry.build(cfg, at='at')
    assert str(info.value) == message


@pytest.mark.parametrize('name', INERT)
def test_the_table_is_of_classes_that_do_not_take_these(name: str) -> None:
    bases = ('BoxLoss', 'DynamicKAssigner', 'GridPriors', 'MovingStep', 'SigmoidLoss')
    if name in bases:  # without a name
        return
    cls = find_anywhere(name)
    assert cls is not None
    taken = parameters_of(cls) or {}
    assert not taken.keys() & INERT[name].keys()


def test_the_docs_list_the_table() -> None:
    text = PAGE.read_text(encoding='utf-8').partition(BEGIN)[2].partition(END)[0]
    assert text.strip() == table(), 'python -m tests.inert_table'
