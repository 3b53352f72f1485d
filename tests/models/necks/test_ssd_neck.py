"""SSDNeck: the levels of SSD300 and SSD512, keys, and what it refuses."""

from __future__ import annotations

import json

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.necks import SSDNeck
from tests.golden import FOLDER

SSD300 = dict(
    in_channels=(512, 1024),
    out_channels=(512, 1024, 512, 256, 256, 256),
    level_strides=(2, 2, 1, 1),
    level_paddings=(1, 1, 0, 0),
)
SSD512 = dict(
    in_channels=(512, 1024),
    out_channels=(512, 1024, 512, 256, 256, 256, 256),
    level_strides=(2, 2, 2, 2, 1),
    level_paddings=(1, 1, 1, 1, 1),
    last_kernel_size=4,
)


@pytest.mark.parametrize(
    ('args', 'sides'),
    [
        # stride 2, padding 1 halves and rounds up; then a 3x3 without padding takes 2 off
        (SSD300, [38, 19, 10, 5, 3, 1]),
        # the last level: kernel 4, padding 1 takes 1 off 2
        (SSD512, [64, 32, 16, 8, 4, 2, 1]),
    ],
    ids=['SSD300', 'SSD512'],
)
def test_levels(args, sides):
    with torch.device('meta'):
        feats = [torch.zeros(2, c, s, s) for c, s in zip((512, 1024), sides, strict=False)]
        outs = SSDNeck(**args)(feats)
    expected = [(2, c, s, s) for c, s in zip(args['out_channels'], sides, strict=True)]
    assert [tuple(out.shape) for out in outs] == expected


def test_keys_are_mmdets():
    golden = json.loads((FOLDER / 'ssd300_voc.json').read_text())['state_dict']
    expected = {k: shape for k, shape in golden.items() if k.startswith('neck.')}
    with torch.device('meta'):
        own = SSDNeck(**SSD300).state_dict()
    assert {f'neck.{k}': list(v.shape) for k, v in own.items()} == expected


SMALL = dict(in_channels=(4, 6), out_channels=(4, 6, 8), level_strides=(2,), level_paddings=(1,))


def test_first_map_is_scaled_to_length_20_and_the_second_passed_on():
    torch.manual_seed(0)
    neck = SSDNeck(**SMALL)
    feats = [torch.rand(1, 4, 4, 4) + 0.1, torch.rand(1, 6, 2, 2)]
    outs = neck(feats)
    torch.testing.assert_close(outs[0].norm(dim=1), torch.full((1, 4, 4), 20.0))
    assert torch.equal(outs[1], feats[1])
    # without L2 norm the first is passed on too
    assert torch.equal(SSDNeck(**SMALL, l2_norm_scale=None)(feats)[0], feats[0])


def test_added_levels_take_norm_and_activation():
    neck = SSDNeck(**SMALL, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU6'))
    assert [k for k in neck.state_dict() if 'weight' in k] == [
        'l2_norm.weight',
        'extra_layers.0.0.conv.weight',
        'extra_layers.0.0.bn.weight',
        'extra_layers.0.1.conv.weight',
        'extra_layers.0.1.bn.weight',
    ]
    assert isinstance(neck.extra_layers[0][1].activate, torch.nn.ReLU6)


def test_weights_are_drawn_by_xavier():
    torch.manual_seed(0)
    neck = SSDNeck((64,), (64, 256), (2,), (1,))
    neck.init_weights()
    conv = neck.extra_layers[0][1].conv
    # 128 -> 256 channels, 3x3: uniform up to sqrt(6 / (9 * 128 + 9 * 256))
    bound = (6 / (9 * 128 + 9 * 256)) ** 0.5
    assert conv.weight.abs().max().item() == pytest.approx(bound, rel=1e-3)
    assert (conv.bias == 0).all()
    assert (neck.l2_norm.weight == 20).all()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(out_channels=(4, 7, 8)), r'out_channels \(4, 7, 8\) must start with .*\(4, 6\)'),
        (dict(level_strides=(2, 2)), '1 levels are added, but there are 2 level_strides'),
        (dict(level_paddings=()), '1 level_strides and 0 level_paddings'),
    ],
)
def test_arguments_that_do_not_fit(changes, message):
    with pytest.raises(ConfigError, match=message):
        SSDNeck(**{**SMALL, **changes})


def test_depthwise_levels_have_mmdets_keys():
    neck = SSDNeck(
        **SMALL, l2_norm_scale=None, use_depthwise=True, norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU6'),
    )  # fmt: skip
    weights = {k: tuple(v.shape) for k, v in neck.state_dict().items() if 'conv.weight' in k}
    assert weights == {
        'extra_layers.0.0.conv.weight': (4, 6, 1, 1),
        'extra_layers.0.1.depthwise_conv.conv.weight': (4, 1, 3, 3),
        'extra_layers.0.1.pointwise_conv.conv.weight': (8, 4, 1, 1),
    }
    outs = neck([torch.rand(2, 4, 4, 4), torch.rand(2, 6, 2, 2)])
    assert outs[2].shape == (2, 8, 1, 1)
