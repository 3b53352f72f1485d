"""HRFPN: all maps at the first one's size, then smaller levels; by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmlite.errors import ConfigError
from mmlite.models.necks import HRFPN


def summing(**args) -> HRFPN:
    """Its convolutions sum their inputs at the centre."""
    neck = HRFPN([1, 1], 1, **args)
    for conv in (neck.reduction_conv, *neck.fpn_convs):
        nn.init.zeros_(conv.conv.bias)
        nn.init.zeros_(conv.conv.weight)
        middle = conv.conv.kernel_size[0] // 2
        with torch.no_grad():
            conv.conv.weight[:, :, middle, middle] = 1
    return neck


def test_pooling():
    fine = torch.zeros(1, 1, 4, 4)
    fine[0, 0, 0, 0] = 4
    feats = [fine, torch.full((1, 1, 2, 2), 10.0)]
    # 10 everywhere and 4 at the corner: of its square of four the mean is 11, the maximum 14
    outs = summing(num_outs=3)(feats)
    assert outs[0][0, 0, 0].tolist() == [14, 10, 10, 10]
    assert outs[1].flatten().tolist() == [11, 10, 10, 10]
    assert outs[2].item() == 10.25  # the mean of all 16
    assert summing(num_outs=3, pooling_type='MAX')(feats)[2].item() == 14


def test_stride():
    feats = [torch.zeros(1, 1, 16, 24), torch.zeros(1, 1, 8, 12)]
    sizes = [tuple(out.shape[2:]) for out in summing(num_outs=3, stride=2)(feats)]
    assert sizes == [(8, 12), (4, 6), (2, 3)]


def test_checkpointed_activations_give_the_same_gradients():
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        neck = HRFPN([2, 2], 4, num_outs=2, with_cp=with_cp).train()
        feats = [torch.ones(1, 2, 8, 8, requires_grad=True), torch.ones(1, 2, 4, 4)]
        sum(out.square().sum() for out in neck(feats)).backward()
        grads.append([p.grad for p in neck.parameters()])
    torch.testing.assert_close(grads[1], grads[0])


def test_mistakes():
    with pytest.raises(ConfigError, match="pooling_type is 'AVG' or 'MAX', found 'SUM'"):
        HRFPN([1], 1, pooling_type='SUM')
    with pytest.raises(ConfigError, match='in_channels has 2 levels, the backbone gives 1 maps'):
        HRFPN([1, 1], 1)([torch.zeros(1, 1, 4, 4)])
