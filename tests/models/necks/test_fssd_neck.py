"""FSSDNeck: what is fused, by hand, and which levels come out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.necks import FSSDNeck


def test_levels_of_fssd300():
    with torch.device('meta'):
        sides = (38, 19, 10)
        feats = [torch.zeros(2, c, s, s) for c, s in zip((512, 1024, 512), sides, strict=True)]
        neck = FSSDNeck((512, 1024, 512), norm_cfg=dict(type='BN'))
        outs = neck(feats)
    # arXiv 1712.00960, section 3.1: three times 256 channels, then SSD300's levels
    assert neck.level_convs[0].conv.in_channels == neck.fused_norm.num_features == 768
    expected = [(512, 38), (512, 19), (256, 10), (256, 5), (256, 3), (256, 1)]
    assert [tuple(out.shape) for out in outs] == [(2, c, s, s) for c, s in expected]


def test_maps_are_brought_to_the_first_ones_size_and_lie_side_by_side():
    one_level = dict(out_channels=(2,), level_strides=(1,), level_paddings=(1,))
    neck = FSSDNeck((1, 1), 1, **one_level)
    with torch.no_grad():
        for conv in [*neck.lateral_convs, *neck.level_convs]:
            nn.init.dirac_(conv.conv.weight)
            conv.conv.bias.zero_()
        first, second = torch.full((1, 1, 2, 4), 5.0), Tensor([[[[0.0, 4.0]]]])
        [out] = neck([first, second])
    assert out[0, 0].tolist() == [[5] * 4] * 2
    # bilinear between the centres of two cells: 0, 1/4, 3/4, 1 of 4
    assert out[0, 1].tolist() == [[0, 1, 3, 4]] * 2


def test_strides_and_paddings_of_each_level():
    with pytest.raises(ConfigError, match='has 6 levels, but there are 2 level_strides and 6'):
        FSSDNeck((4, 4), level_strides=(1, 2))
