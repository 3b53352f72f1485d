"""DilatedEncoder: the last map only, how far it sees, and its first weights."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.necks import DilatedEncoder


def encoder(dilations=(1, 3)) -> DilatedEncoder:
    torch.manual_seed(0)
    return DilatedEncoder(4, 8, 2, len(dilations), dilations)


def test_one_level_of_the_last_map():
    outs = encoder()([torch.rand(1, 2, 18, 18), torch.rand(1, 4, 9, 9)])
    assert [tuple(out.shape) for out in outs] == [(1, 8, 9, 9)]


def test_how_far_a_cell_sees():
    neck = encoder().eval()
    for p in neck.parameters():
        torch.nn.init.constant_(p, 0.1)
    x = torch.rand(1, 4, 15, 15, requires_grad=True)
    neck([x])[0][0, 0, 7, 7].backward()
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero().flatten()
    # 3x3: one cell to each side; the bottlenecks: one, and three
    assert rows.tolist() == [i for i in range(7 - 5, 7 + 6)]


def test_bottlenecks_start_near_their_shortcut():
    neck = encoder()
    neck.init_weights()
    assert neck.dilated_encoder_blocks[0].conv2.conv.weight.std() < 0.02  # drawn with 0.01
    assert neck.lateral_conv.weight.std() > 0.2  # uniform up to sqrt(3 / 4)
    assert neck.lateral_conv.bias.eq(0).all() and neck.fpn_norm.weight.eq(1).all()


def test_a_dilation_for_each_bottleneck():
    with pytest.raises(ConfigError, match=r'num_residual_blocks=4 .* found \[2, 4\]'):
        DilatedEncoder(4, 8, 2, 4, [2, 4])
