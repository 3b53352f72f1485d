"""SequentialNeck: SSD's levels with FPN's or DSSD's behind them, and a training step of each."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.registry import NECKS
from tests.models.tiny import batch, tiny_ssd

SSD = tiny_ssd()['neck']
BN = dict(type='BN')
FPN = dict(type='FPN', in_channels=(32, 64, 16), out_channels=8, num_outs=3)
DSSD = dict(
    type='DSSDNeck', in_channels=(32, 64, 16), out_channels=8, last_kernel_size=2, norm_cfg=BN
)
PREDICTION = dict(
    type='PredictionModule', in_channels=(8, 8, 16), channels=4, out_channels=8, norm_cfg=BN
)
FSSD = dict(
    type='FSSDNeck', in_channels=(32, 64), fused_channels=4, out_channels=(8, 8, 8),
    level_strides=(1, 2, 2), level_paddings=(1, 1, 1), norm_cfg=BN,
)  # fmt: skip


def sequence(*necks: dict) -> dict:
    return dict(type='SequentialNeck', necks=necks)


def test_each_neck_takes_what_the_one_before_returns():
    neck = NECKS.build(sequence(SSD, FPN))
    feats = [torch.rand(1, 32, 4, 4), torch.rand(1, 64, 2, 2)]
    first, second = neck.children()
    for out, expected in zip(neck(feats), second(first(feats)), strict=True):
        assert torch.equal(out, expected)


def test_keys_are_those_of_mmdets_lists_of_necks():
    keys = NECKS.build(sequence(SSD, FPN)).state_dict()
    assert {'0.extra_layers.0.0.conv.weight', '1.lateral_convs.0.conv.weight'} <= set(keys)


def test_a_mistake_in_one_of_them_is_named_by_its_place():
    cfg = sequence(SSD, dict(FPN, out_chanels=8))
    with pytest.raises(ConfigError, match=r"model\.neck\.necks\[1\]: .*'out_chanels'"):
        NECKS.build(cfg, at='model.neck')


def test_weights_of_each_are_drawn_in_its_own_way():
    neck = NECKS.build(sequence(SSD, FPN))
    with torch.no_grad():
        for parameter in neck.parameters():
            parameter.fill_(7)
    neck.init_weights()
    assert not any((parameter == 7).all() for parameter in neck.parameters())


NECKS_OF_THREE_LEVELS = pytest.mark.parametrize(
    'neck',
    [sequence(SSD, FPN), sequence(SSD, DSSD, PREDICTION), FSSD],
    ids=['SSD+FPN', 'DSSD', 'FSSD'],
)


@NECKS_OF_THREE_LEVELS
def test_every_layer_has_a_gradient(neck):
    torch.manual_seed(0)
    neck = NECKS.build(neck)
    neck.init_weights()
    outs = neck([torch.rand(2, 32, 16, 16), torch.rand(2, 64, 8, 8)])
    assert [tuple(out.shape[1:]) for out in outs] == [(8, 16, 16), (8, 8, 8), (8, 4, 4)]
    sum((out * torch.rand_like(out)).sum() for out in outs).backward()
    for key, parameter in neck.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), key


@NECKS_OF_THREE_LEVELS
def test_ssds_head_takes_them_as_it_is(neck):
    torch.manual_seed(0)
    model = tiny_ssd(bbox_head=dict(in_channels=(8, 8, 8)))
    model['neck'] = neck
    detector = build_detector(model)
    detector.init_weights()
    optimizer = torch.optim.SGD(detector.parameters(), lr=0.01)
    totals = []
    for _ in range(10):
        total = sum(detector(**batch((64, 64), (64, 64)), return_loss=True).values())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < totals[0]
    [detections] = detector.eval()(**batch((64, 64)), return_loss=False, rescale=False)
    assert len(detections['bboxes']) == len(detections['scores']) > 0
