"""PAFPN: an FPN whose levels also see the shallower ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.necks import PAFPN


def ones(neck: PAFPN) -> PAFPN:
    """Every convolution hands on its inputs at the centre."""
    convs = [*neck.lateral_convs, *neck.fpn_convs, *neck.downsample_convs, *neck.pafpn_convs]
    with torch.no_grad():
        for conv in convs:
            conv.conv.bias.zero_()
            conv.conv.weight.zero_()
            middle = conv.conv.kernel_size[0] // 2
            conv.conv.weight[:, :, middle, middle] = 1
    return neck


FEATS = [torch.full((1, 1, 4, 8), 100.0), torch.full((1, 1, 2, 4), 10.0), torch.ones(1, 1, 1, 2)]


def test_down_and_up_again():
    outs = ones(PAFPN((1, 1, 1), 1, num_outs=3))(FEATS)
    # down: 1, 10 + 1, 100 + 11; up: 111, 11 + 111, 1 + 122
    assert [out.unique().tolist() for out in outs] == [[111], [122], [123]]
    assert [tuple(out.shape[2:]) for out in outs] == [(4, 8), (2, 4), (1, 2)]


def test_extra_levels():
    outs = ones(PAFPN((1, 1, 1), 1, num_outs=4))(FEATS)
    assert outs[3].tolist() == [[[[123]]]]  # every second cell of the last
    neck = ones(PAFPN((1, 1, 1), 1, num_outs=3, start_level=1, add_extra_convs='on_input'))
    assert [out.unique().tolist() for out in neck(FEATS)] == [[11], [12], [1]]
    neck = ones(PAFPN((1, 1, 1), 1, num_outs=3, start_level=1, add_extra_convs='on_output'))
    assert neck(FEATS)[2].unique().tolist() == [12]


def test_norms_are_behind_all_convolutions():
    keys = set(PAFPN((4, 4), 4, 2, norm_cfg=dict(type='BN'), no_norm_on_lateral=True).state_dict())
    assert {'downsample_convs.0.bn.weight', 'pafpn_convs.0.bn.weight'} <= keys
    assert 'lateral_convs.0.bn.weight' not in keys


def test_mistakes():
    with pytest.raises(ConfigError, match='PAFPN: in_channels has 3 levels, the backbone gives 2'):
        PAFPN((1, 1, 1), 1, 3)([Tensor(1, 1, 4, 4), Tensor(1, 1, 2, 2)])
