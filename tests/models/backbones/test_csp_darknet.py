"""CSPDarknet and CSPNeXt: strides, stages, what is frozen; values are in the goldens."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.backbones import CSPDarknet, CSPNeXt
from mmlite.models.backbones.csp_darknet import Focus
from tests.models.backbones.common import check_frozen, shapes

SMALL = dict(deepen_factor=0.1, widen_factor=0.125)  # one block in each stage, 8 to 128 channels


@pytest.mark.parametrize('cls', [CSPDarknet, CSPNeXt])
def test_stages(cls):
    # an eighth of 64, 128, 256, 512, 1024 at strides 2 to 32
    expected = [(8, 32, 64), (16, 16, 32), (32, 8, 16), (64, 4, 8), (128, 2, 4)]
    assert shapes(cls(**SMALL, out_indices=range(5)), 64, 128) == expected
    p6 = shapes(cls('P6', **SMALL, out_indices=(4, 5)), 64, 128)
    assert p6 == [(96, 2, 4), (128, 1, 2)]  # of 768 and 1024 channels, at strides 32 and 64


@pytest.mark.parametrize(('cls', 'middle'), [(CSPDarknet, 9), (CSPNeXt, 6)])
def test_blocks_of_the_large_ones(cls, middle):
    with torch.device('meta'):
        backbone = cls(widen_factor=0.125)
    blocks = [len(backbone.get_submodule(f'stage{i}')[-1].blocks) for i in (1, 2, 3, 4)]
    assert blocks == [3, middle, middle, 3]
    last = backbone.stage4[-1].blocks[0]
    assert not last.use_shortcut and backbone.stage3[-1].blocks[0].use_shortcut


@pytest.mark.parametrize('cls', [CSPDarknet, CSPNeXt])
def test_what_is_frozen_stays_so_through_train(cls):
    check_frozen(cls(**SMALL, frozen_stages=2), ('stem.', 'stage1.', 'stage2.'))
    check_frozen(cls(**SMALL, frozen_stages=0), ('stem.',))
    backbone = cls(**SMALL, norm_eval=True).train()
    assert not backbone.stage1[0].bn.training and backbone.stage1.training


def test_focus_puts_squares_into_channels():
    focus = Focus(1, 4, norm_cfg=None, act_cfg=None)
    with torch.no_grad():
        focus.conv.conv.bias.zero_()
        focus.conv.conv.weight.zero_()
        focus.conv.conv.weight[range(4), range(4), 1, 1] = 1
    # top left, bottom left, top right, bottom right of 1 2 / 3 4
    out = focus(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert out.flatten().tolist() == [1, 3, 2, 4]


def test_depthwise_convolutions_of_the_smallest():
    keys = CSPDarknet(**SMALL, use_depthwise=True).state_dict()
    assert 'stage1.0.depthwise_conv.conv.weight' in keys
    assert 'stage1.1.blocks.0.conv2.pointwise_conv.bn.weight' in keys


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(arch='P7'), r"arch 'P7' is unknown\. Known: P5, P6"),
        (dict(out_indices=(5,)), r'out_indices lie in 0\.\.4, found \(5,\)'),
        (dict(frozen_stages=5), r'frozen_stages lies in -1\.\.4, found 5'),
    ],
)
@pytest.mark.parametrize('cls', [CSPDarknet, CSPNeXt])
def test_arguments_that_do_not_fit(cls, args, message):
    with pytest.raises(ConfigError, match=f'{cls.__name__}: {message}'):
        cls(**SMALL, **args)
