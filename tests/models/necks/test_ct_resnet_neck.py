"""CTResNetNeck: sizes, keys, and the first weights of what doubles a map."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.necks import CTResNetNeck
from mmlite.models.necks.ct_resnet_neck import bilinear_kernel


@pytest.mark.parametrize('use_dcn', [False, True])
def test_the_last_map_twice_doubled(use_dcn: bool) -> None:
    neck = CTResNetNeck(8, (6, 4), (4, 4), use_dcn)
    outs = neck([torch.rand(1, 4, 10, 14), torch.rand(1, 8, 5, 7)])
    assert [tuple(out.shape) for out in outs] == [(1, 4, 20, 28)]
    shapes = {key: tuple(value.shape) for key, value in neck.state_dict().items()}
    assert shapes['deconv_layers.0.conv.weight'] == (6, 8, 3, 3)
    assert shapes['deconv_layers.3.conv.weight'] == (4, 4, 4, 4)
    assert {'deconv_layers.0.bn.running_var', 'deconv_layers.3.bn.weight'} <= shapes.keys()
    assert ('deconv_layers.2.conv.conv_offset.weight' in shapes) == use_dcn
    assert 'deconv_layers.0.conv.bias' not in shapes and 'deconv_layers.1.conv.bias' not in shapes


def test_the_first_channel_starts_as_an_enlargement() -> None:
    # of the side 4: 1/4, 3/4, 3/4, 1/4
    slope = torch.tensor([0.25, 0.75, 0.75, 0.25])
    assert torch.equal(bilinear_kernel(4), slope[:, None] * slope)
    neck = CTResNetNeck(2, (3,), (4,), use_dcn=False)
    neck.init_weights()
    flat = neck.deconv_layers[1].conv(torch.ones(1, 3, 5, 5))
    # a flat map stays flat, but for its border: 3 channels of 1 each
    torch.testing.assert_close(flat[0, 0, 1:-1, 1:-1], torch.full((8, 8), 3.0))


def test_lists_of_different_lengths() -> None:
    with pytest.raises(ConfigError, match=r'found \[4\] for \[8, 4\]'):
        CTResNetNeck(8, (8, 4), (4,))
