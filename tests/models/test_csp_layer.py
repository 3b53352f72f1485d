"""CSP layers: channel attention, pooling and shortcuts, by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmlite.models.csp_layer import (
    ChannelAttention,
    CSPLayer,
    CSPNeXtBlock,
    DarknetBottleneck,
    SPPBottleneck,
)

LAYERS = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='SiLU'))
PLAIN = dict(norm_cfg=None, act_cfg=None)


def test_channel_attention_scales_each_channel():
    attention = ChannelAttention(2)
    with torch.no_grad():
        attention.fc.weight.copy_(Tensor([[0, 1], [0, 0]])[..., None, None])
        attention.fc.bias.copy_(Tensor([0, 3]))
    # means 2 and 1.5; channel 0: (1.5 + 3) / 6 = 0.75; channel 1: (3 + 3) / 6 = 1
    x = Tensor([[[[1, 3]], [[1, 2]]]])
    torch.testing.assert_close(attention(x), Tensor([[[[0.75, 2.25]], [[1, 2]]]]))


def test_keys_of_the_blocks():
    darknet = set(CSPLayer(8, 8, 1, **LAYERS).state_dict())
    assert 'blocks.0.conv2.conv.weight' in darknet and 'attention.fc.weight' not in darknet
    next_ = CSPLayer(8, 8, 1, block=CSPNeXtBlock, channel_attention=True, **LAYERS).state_dict()
    assert {'blocks.0.conv2.depthwise_conv.conv.weight', 'attention.fc.bias'} <= set(next_)
    assert next_['blocks.0.conv2.depthwise_conv.conv.weight'].shape == (4, 1, 5, 5)


def test_a_block_adds_its_input_where_it_has_a_shortcut():
    x = torch.randn(1, 2, 4, 4)
    for block in (DarknetBottleneck, CSPNeXtBlock):
        for use_shortcut, expected in ((True, x), (False, torch.zeros_like(x))):
            layer = block(2, use_shortcut, use_depthwise=False, **PLAIN)
            for p in layer.parameters():
                nn.init.zeros_(p)
            assert torch.equal(layer(x), expected)


def test_pooling_sees_the_maximum_around():
    spp = SPPBottleneck(2, (3, 5), **PLAIN)
    with torch.no_grad():
        spp.conv1.conv.weight.copy_(Tensor([[1, 0]])[..., None, None])
        spp.conv2.conv.weight.copy_(Tensor([[1, 10, 100], [0, 0, 0]])[..., None, None])
        for conv in (spp.conv1, spp.conv2):
            conv.conv.bias.zero_()
    x = torch.zeros(1, 2, 1, 5)
    x[0, 0, 0] = Tensor([0, 0, 0, 0, 1])
    # the last cell is seen within 1 cell (10) and within 2 cells (100), and is itself 1
    assert spp(x)[0, 0, 0].tolist() == [0, 0, 100, 110, 111]
