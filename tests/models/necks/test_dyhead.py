"""DyHead: which offsets the smaller level reads, its attentions by hand, its first weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.necks import DyHead
from mmlite.models.necks.dyhead import DyReLU, _first_cells


def feats(*sizes: tuple[int, int]) -> list[Tensor]:
    return [torch.rand(2, 16, *size) for size in sizes]


def test_levels_keep_their_sizes():
    neck = DyHead(16, 32, num_blocks=2)
    neck.init_weights()
    sizes = [(8, 10), (4, 5), (2, 3), (1, 2)]
    assert [tuple(out.shape) for out in neck(feats(*sizes))] == [(2, 32, *size) for size in sizes]


def test_the_smaller_level_reads_the_first_numbers_of_each_image():
    # two images of 2 channels, 2 x 3 each: 0 to 11, and 12 to 23
    t = torch.arange(24.0).view(2, 2, 2, 3)
    expected = [[[[0, 1]], [[2, 3]]], [[[12, 13]], [[14, 15]]]]
    assert _first_cells(t, (1, 2)).tolist() == expected
    # how it lies in memory changes nothing
    channels_last = t.contiguous(memory_format=torch.channels_last)
    assert _first_cells(channels_last, (1, 2)).tolist() == expected
    assert _first_cells(t, (2, 3)) is t


def test_a_level_that_is_too_small():
    neck = DyHead(16, 16, num_blocks=1)
    with pytest.raises(ConfigError, match=r'half as large as .* found \(2, 2\) beside \(4, 4\)'):
        neck(feats((8, 8), (2, 2)))


def test_dynamic_relu_by_hand():
    relu = DyReLU(4, ratio=4)
    nn.init.zeros_(relu.conv1.conv.weight)
    nn.init.zeros_(relu.conv2.conv.weight)
    with torch.no_grad():
        relu.conv1.conv.bias.zero_()
        # through (x + 3) / 6 - 0.5 a bias of b becomes b / 6: slopes 1 + 2 * 0.1 and 2 * 0.25
        relu.conv2.conv.bias.copy_(Tensor([0.6] * 4 + [0.0] * 4 + [1.5] * 4 + [0.6] * 4))
    x = Tensor([1.0, -1.0]).view(1, 1, 1, 2).expand(1, 4, 1, 2)
    # max(1.2 * 1, 0.5 * 1 + 0.1) and max(1.2 * -1, 0.5 * -1 + 0.1)
    torch.testing.assert_close(relu(x)[0, 0, 0], Tensor([1.2, -0.4]))


@pytest.mark.parametrize('zero_init_offset', [True, False])
def test_first_offsets(zero_init_offset):
    neck = DyHead(16, 16, num_blocks=1, zero_init_offset=zero_init_offset)
    neck.init_weights()
    (block,) = neck.dyhead_blocks
    assert block.spatial_conv_offset.weight.eq(0).all() == zero_init_offset
    assert 0.005 < block.scale_attn_module[1].weight.std() < 0.02
