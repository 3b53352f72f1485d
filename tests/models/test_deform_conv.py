"""Deformable convolution: the plain one where nothing is moved, and moved by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.deform_conv import ModulatedDeformConv2d
from mmlite.models.layers import conv_class
from mmlite.registry import BACKBONES, HEADS


def drawn(*args: int, **kwargs) -> ModulatedDeformConv2d:
    torch.manual_seed(0)
    return ModulatedDeformConv2d(*args, **kwargs)


@pytest.mark.parametrize(('stride', 'groups', 'deform_groups'), [(1, 1, 1), (2, 2, 1), (1, 1, 2)])
def test_it_starts_as_half_a_plain_convolution(
    stride: int, groups: int, deform_groups: int
) -> None:
    conv = drawn(4, 6, 3, stride, 1, groups=groups, bias=False, deform_groups=deform_groups)
    x = torch.randn(2, 4, 7, 9).contiguous(memory_format=torch.channels_last)
    expected = F.conv2d(x, conv.weight, None, stride, 1, groups=groups) / 2  # sigmoid(0) = 1/2
    torch.testing.assert_close(conv(x), expected)


def set_offsets(conv: ModulatedDeformConv2d, y: float, x: float, mask: float) -> None:
    with torch.no_grad():
        taps = conv.num_taps
        conv.conv_offset.bias[: 2 * taps : 2] = y
        conv.conv_offset.bias[1 : 2 * taps : 2] = x
        conv.conv_offset.bias[2 * taps :] = mask


def test_taps_are_moved_and_weighed() -> None:
    """A 1x1 tap of weight 1, moved half a cell down and one to the right: the mean of two cells."""
    conv = drawn(1, 1, 1, bias=False)
    torch.nn.init.ones_(conv.weight)
    set_offsets(conv, y=0.5, x=1.0, mask=100.0)  # sigmoid(100) = 1
    grid = torch.arange(12.0).view(1, 1, 3, 4)  # 0 1 2 3 / 4 5 6 7 / 8 9 10 11
    # at (0, 0): between row 0 and 1 of column 1: (1 + 5) / 2; the last column looks outside: 0
    expected = torch.tensor([[3.0, 4, 5, 0], [7, 8, 9, 0], [4.5, 5, 5.5, 0]])
    torch.testing.assert_close(conv(grid)[0, 0], expected)


def test_offsets_are_learnt() -> None:
    conv = drawn(2, 3, 3, 1, 1)
    conv(torch.randn(1, 2, 5, 5)).square().sum().backward()
    assert conv.conv_offset.weight.grad.abs().sum() > 0
    assert conv.weight.grad.abs().sum() > 0


def test_resnet_has_it_in_the_stages_asked_for() -> None:
    dcn = dict(type='DCNv2', deform_groups=1, fallback_on_stride=False)
    net = BACKBONES.build(
        dict(
            type='ResNet',
            depth=50,
            base_channels=8,
            dcn=dcn,
            stage_with_dcn=(False, False, True, True),
        )
    )
    net.init_weights()
    keys = [key for key in net.state_dict() if 'conv_offset' in key]
    assert len(keys) == 2 * (6 + 3)  # weight and bias in the blocks of stages 3 and 4
    assert keys[0] == 'layer3.0.conv2.conv_offset.weight'
    assert net.layer3[0].conv2.conv_offset.weight.shape == (27, 32, 3, 3)
    assert not net.layer3[0].conv2.conv_offset.weight.any()
    assert net.layer3[0].conv2.weight.any()
    assert [tuple(f.shape[2:]) for f in net(torch.zeros(1, 3, 64, 64))] == [
        (16, 16),
        (8, 8),
        (4, 4),
        (2, 2),
    ]


def test_fcos_has_it_last_in_its_towers() -> None:
    head = HEADS.build(
        dict(
            type='FCOSHead', num_classes=2, in_channels=32, feat_channels=32, dcn_on_last_conv=True
        )
    )
    head.init_weights()
    names = {key.rsplit('.conv_offset', 1)[0] for key in head.state_dict() if 'conv_offset' in key}
    assert names == {'cls_convs.3.conv', 'reg_convs.3.conv'}
    assert not head.cls_convs[3].conv.conv_offset.weight.any()
    feats: list[Tensor] = [torch.zeros(1, 32, size, size) for size in (8, 7, 4, 3, 2)]
    assert head(feats)['cls_score'].shape == (1, 64 + 49 + 16 + 9 + 4, 2)


def test_mmcv_has_two_names_for_the_groups() -> None:
    conv = conv_class(dict(type='DCNv2', deformable_groups=4))(8, 8, 3)
    assert conv.num_taps == 4 * 9


@pytest.mark.parametrize(
    ('conv_cfg', 'message'),
    [
        (
            dict(type='DCNv3'),
            r"conv_cfg: dict\(type='ConvWS'\), dict\(type='DCN'\), dict\(type='DCNv2'\) or None is",
        ),
        (dict(type='DCNv2', fallback_on_stride=True), 'fallback_on_stride=True is not supported'),
        (dict(type='DCNv2', groups=4), 'DCNv2 takes deform_groups, found groups'),
    ],
)
def test_other_convolutions_are_refused(conv_cfg: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        conv_class(conv_cfg)


def test_a_resnet_without_bottlenecks_cannot_have_it() -> None:
    with pytest.raises(ConfigError, match='depth 18 has no bottlenecks for dcn'):
        BACKBONES.build(dict(type='ResNet', depth=18, dcn=dict(type='DCNv2')))
