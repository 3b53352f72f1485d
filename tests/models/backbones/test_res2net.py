"""Res2Net: the chain of groups in a block by hand, stages, and wrong arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmlite.errors import ConfigError
from mmlite.models.backbones import Res2Net
from mmlite.models.backbones.res2net import Bottle2neck
from tests.models.backbones.common import check_frozen, shapes


def plain_block(is_first: bool) -> Bottle2neck:
    """4 groups of one channel; each convolution hands its input on, and there is no shortcut."""
    block = Bottle2neck(16, 4, 1, is_first, 4, 1, 1, dict(type='BN'), None).eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0
    with torch.no_grad():
        for p in (block.conv1.weight, block.conv3.weight):
            p.zero_()
            p[range(4), range(4)] = 1
        for conv in block.convs:
            conv.weight.zero_()
            conv.weight[0, 0, 1, 1] = 1
    return block


@pytest.mark.parametrize(
    ('is_first', 'expected'),
    [
        # groups 1 2 3 4: 1, 1 + 2, 1 + 2 + 3, and 4 as it is
        (False, [1, 3, 6, 4]),
        (True, [1, 2, 3, 4]),
    ],
)
def test_each_group_sees_those_before_it(is_first, expected):
    x = torch.zeros(1, 16, 1, 1)
    x[0, :4, 0, 0] = torch.tensor([1.0, 2, 3, 4])
    with torch.no_grad():
        out = plain_block(is_first)(x) - x  # what comes beside the shortcut
    assert out[0, :4, 0, 0].tolist() == expected


def test_maps_and_frozen_stages():
    with torch.device('meta'):
        backbone = Res2Net(50, num_stages=3, out_indices=(0, 2), frozen_stages=1)
    assert shapes(backbone, 64, 96) == [(256, 16, 24), (1024, 4, 6)]
    check_frozen(backbone, ('stem.', 'layer1.'))


def test_deformable_convolutions_in_the_chain():
    dcn = dict(dcn=dict(type='DCNv2', deform_groups=1), stage_with_dcn=(False, True, True, True))
    with torch.device('meta'):
        keys = Res2Net(50, **dcn).state_dict()
    assert 'layer2.0.convs.2.conv_offset.weight' in keys
    assert 'layer1.0.convs.0.conv_offset.weight' not in keys


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(depth=18), r'depth 18 is unknown; known: \[50, 101, 152\]'),
        (dict(depth=50, scales=1), 'scales is 2 at least, found 1'),
        (dict(depth=50, num_stages=2), r'out_indices \(0, 1, 2, 3\) need 4 stages'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with torch.device('meta'), pytest.raises(ConfigError, match=f'Res2Net: {message}'):
        Res2Net(**args)
