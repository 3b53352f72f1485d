"""PredictionModule: figure 2c of DSSD, a residual block on each level."""

from __future__ import annotations

import torch
from torch import nn

from mmlite.models.necks import PredictionModule


def test_channels_are_those_of_figure_2c():
    with torch.device('meta'):
        state = PredictionModule((512, 1024)).state_dict()
    shapes = {key: tuple(v.shape) for key, v in state.items() if key.endswith('weight')}
    assert shapes == {
        'blocks.0.convs.0.conv.weight': (256, 512, 1, 1),
        'blocks.0.convs.1.conv.weight': (256, 256, 1, 1),
        'blocks.0.convs.2.conv.weight': (1024, 256, 1, 1),
        'blocks.0.shortcut.conv.weight': (1024, 512, 1, 1),
        'blocks.1.convs.0.conv.weight': (256, 1024, 1, 1),
        'blocks.1.convs.1.conv.weight': (256, 256, 1, 1),
        'blocks.1.convs.2.conv.weight': (1024, 256, 1, 1),
        'blocks.1.shortcut.conv.weight': (1024, 1024, 1, 1),
    }


def test_both_ways_add_up():
    module = PredictionModule((1,), 1, 1)
    weights = dict(zip(('0', '1', '2'), (2.0, 3.0, -1.0), strict=True))
    with torch.no_grad():
        for parameter in module.parameters():
            nn.init.zeros_(parameter)
        for number, weight in weights.items():
            module.blocks[0].convs[int(number)].conv.weight.fill_(weight)
        module.blocks[0].shortcut.conv.weight.fill_(8)
        [out] = module([torch.tensor([[[[1.0, -1.0]]]])])
    # 1: 2, 6, -6, and 8 beside: 2; -1: -2 is 0 after the ReLU, and -8 beside: 0 after the last
    assert out.flatten().tolist() == [2, 0]
