"""DSSDNeck: the product of both ways by hand, the levels of the paper, and what does not fit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.necks import DSSDNeck


def ones(neck: DSSDNeck) -> DSSDNeck:
    """Deconvolutions copy a cell to all of theirs, 3x3 convolutions keep each cell as it is."""
    with torch.no_grad():
        for module in neck.deconv_modules:
            module.deconv.weight.fill_(1)
            module.deconv.bias.zero_()
            for conv in [module.deep_conv.conv, *(part.conv for part in module.fine_convs)]:
                nn.init.dirac_(conv.weight)
                conv.bias.zero_()
    return neck


def test_the_deeper_map_is_doubled_and_multiplied_into_the_finer_one():
    neck = ones(DSSDNeck((1, 1), 1, last_kernel_size=2))
    deep = Tensor([[1.0, 2.0]])[None, None]  # 1 x 2
    fine = Tensor([[1.0, 2, 3, 4], [-5, 6, 7, 8]])[None, None]
    outs = neck([fine, deep])
    # rows 1 1 2 2; of the finer map -5 is 0 after its ReLU
    assert outs[0][0, 0].tolist() == [[1, 2, 6, 8], [0, 6, 14, 16]]
    assert torch.equal(outs[1], deep)


def test_what_was_rounded_up_on_the_way_down_is_cut_off():
    # 3 cells came from 5: 6 are made, one is cut off
    neck = ones(DSSDNeck((1, 1), 1, last_kernel_size=2))
    outs = neck([torch.ones(1, 1, 1, 5), Tensor([[[[1.0, 2, 3]]]])])
    assert outs[0].flatten().tolist() == [1, 1, 2, 2, 3]


def test_a_kernel_of_3_makes_three_cells_of_one():
    outs = ones(DSSDNeck((1, 1), 1))([torch.ones(1, 1, 3, 3), torch.full((1, 1, 1, 1), 4.0)])
    assert outs[0].flatten().tolist() == [4] * 9


def test_each_level_depends_on_all_the_deeper_ones():
    neck = ones(DSSDNeck((1, 1, 1), 1, last_kernel_size=2))
    outs = neck([torch.full((1, 1, side, side), float(side)) for side in (4, 2, 1)])
    assert [out.unique().tolist() for out in outs] == [[4 * 2], [2], [1]]


def test_norm_follows_all_3x3_convolutions_but_no_deconvolution():
    keys = DSSDNeck((4, 8), 6, norm_cfg=dict(type='BN')).state_dict()
    shapes = {key: tuple(v.shape) for key, v in keys.items() if key.endswith('.conv.weight')}
    prefix = 'deconv_modules.0'
    assert shapes == {
        f'{prefix}.deep_conv.conv.weight': (6, 6, 3, 3),
        f'{prefix}.fine_convs.0.conv.weight': (6, 4, 3, 3),
        f'{prefix}.fine_convs.1.conv.weight': (6, 6, 3, 3),
    }
    assert all(key.replace('conv.weight', 'bn.weight') in keys for key in shapes)
    assert keys[f'{prefix}.deconv.weight'].shape == (8, 6, 3, 3)


def test_levels_that_do_not_double():
    feats = [torch.zeros(1, 1, 6, 9), torch.zeros(1, 1, 2, 3)]
    with pytest.raises(ConfigError, match='a level of 3x2 grows to 6x4, the finer one has 9x6'):
        DSSDNeck((1, 1), 1, last_kernel_size=2)(feats)


def test_the_deconvolution_is_drawn_too():
    neck = DSSDNeck((64, 64), 64)
    nn.init.zeros_(neck.deconv_modules[0].deconv.weight)
    neck.init_weights()
    # 64 -> 64 channels, 3x3: uniform up to sqrt(6 / (9 * 64 + 9 * 64)) = 0.072
    weight = neck.deconv_modules[0].deconv.weight
    assert weight.abs().max().item() == pytest.approx(0.0722, rel=0.01)
