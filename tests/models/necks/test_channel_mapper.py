"""ChannelMapper: one convolution for each map, and levels beyond."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.necks import ChannelMapper

FEATS = [torch.rand(2, 4, 8, 12), torch.rand(2, 8, 4, 6)]


def test_levels_beyond_the_backbones():
    neck = ChannelMapper([4, 8], 16, kernel_size=1, num_outs=4)
    sizes = [tuple(out.shape[1:]) for out in neck(FEATS)]
    assert sizes == [(16, 8, 12), (16, 4, 6), (16, 2, 3), (16, 1, 2)]
    # the first of them reads the backbone's map, the second what the first gives
    assert [conv.conv.in_channels for conv in neck.extra_convs] == [8, 16]
    assert len(ChannelMapper([4, 8], 16)(FEATS)) == 2


def test_norm_activation_and_bias():
    plain = ChannelMapper([4, 8], 16, act_cfg=None)
    assert (plain(FEATS)[0] < 0).any() and 'convs.0.conv.bias' in plain.state_dict()
    assert all((out >= 0).all() for out in ChannelMapper([4, 8], 16)(FEATS))  # a ReLU
    norm = dict(norm_cfg=dict(type='GN', num_groups=4))
    assert 'convs.0.conv.bias' not in ChannelMapper([4, 8], 16, **norm).state_dict()
    assert 'convs.0.conv.bias' in ChannelMapper([4, 8], 16, **norm, bias=True).state_dict()


def test_mistakes():
    with pytest.raises(ConfigError, match='num_outs=1 is at least 2'):
        ChannelMapper([4, 8], 16, num_outs=1)
    with pytest.raises(ConfigError, match='kernel_size=2 is odd'):
        ChannelMapper([4, 8], 16, kernel_size=2)
    with pytest.raises(ConfigError, match='in_channels has 2 levels, the backbone gives 1 maps'):
        ChannelMapper([4, 8], 16)(FEATS[:1])
