"""The necks of YOLOX and RTMDet: levels and sizes; values are in the goldens."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.necks import YOLOXPAFPN, CSPNeXtPAFPN

CHANNELS = (8, 16, 32)


def feats(height: int, width: int) -> list[Tensor]:
    """Maps of 8, 16 and 32 channels, each half of the one before, rounded up."""
    sizes = [(-(-height // 2**i), -(-width // 2**i)) for i in range(3)]
    return [torch.rand(2, c, *size) for c, size in zip(CHANNELS, sizes, strict=True)]


@pytest.mark.parametrize('cls', [YOLOXPAFPN, CSPNeXtPAFPN])
@pytest.mark.parametrize('size', [(8, 12), (7, 10)])
def test_levels_keep_their_sizes(cls, size):
    maps = feats(*size)
    outs = cls(CHANNELS, 4, num_csp_blocks=1)(maps)
    assert [out.shape for out in outs] == [(2, 4, *feat.shape[2:]) for feat in maps]


def test_every_level_sees_all_maps():
    neck = YOLOXPAFPN(CHANNELS, 4, num_csp_blocks=1)
    maps = [feat.requires_grad_() for feat in feats(8, 12)]
    for out in neck(maps):
        grads = torch.autograd.grad(out.square().sum(), maps, retain_graph=True)
        assert all(grad.abs().sum() > 0 for grad in grads)


def test_upsampling_by_a_factor_as_mmdets_configs_have_it():
    plain, doubled = (
        YOLOXPAFPN(CHANNELS, 4, num_csp_blocks=1, upsample_cfg=cfg).eval()
        for cfg in (None, dict(scale_factor=2, mode='nearest'))
    )
    doubled.load_state_dict(plain.state_dict())
    maps = feats(8, 12)
    for one, other in zip(plain(maps), doubled(maps), strict=True):
        assert torch.equal(one, other)


def test_depthwise_convolutions():
    keys = set(CSPNeXtPAFPN(CHANNELS, 4, num_csp_blocks=1, use_depthwise=True).state_dict())
    assert 'downsamples.0.depthwise_conv.conv.weight' in keys
    assert 'out_convs.2.pointwise_conv.bn.bias' in keys
    keys = set(YOLOXPAFPN(CHANNELS, 4, num_csp_blocks=1, use_depthwise=True).state_dict())
    assert 'out_convs.2.conv.weight' in keys  # 1x1


def test_another_number_of_maps():
    with pytest.raises(ConfigError, match=r'YOLOXPAFPN: in_channels has 3 levels, .* gives 2 maps'):
        YOLOXPAFPN(CHANNELS, 4)(feats(8, 12)[:2])
