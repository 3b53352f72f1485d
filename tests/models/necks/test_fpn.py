"""FPN: levels, keys, sums and extra levels."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.necks import FPN
from tests.golden import FOLDER

# the maps of a backbone at strides 4, 8, 16, 32 for an input of 64 x 96
CHANNELS = (4, 8, 16, 32)
FEATS = [torch.rand(2, c, 16 >> i, 24 >> i) for i, c in enumerate(CHANNELS)]


def shapes(**args) -> list[tuple]:
    return [tuple(out.shape[2:]) for out in FPN(CHANNELS, 6, **args)(FEATS)]


@pytest.mark.parametrize(
    ('args', 'expected'),
    [
        (dict(num_outs=4), [(16, 24), (8, 12), (4, 6), (2, 3)]),
        # Faster R-CNN's: one more by taking every second cell
        (dict(num_outs=5), [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]),
        # RetinaNet's: from stride 8, two more by convolutions of stride 2
        (
            dict(num_outs=5, start_level=1, add_extra_convs='on_input'),
            [(8, 12), (4, 6), (2, 3), (1, 2), (1, 1)],
        ),
        (dict(num_outs=2, start_level=1, end_level=2), [(8, 12), (4, 6)]),
    ],
)
def test_levels(args, expected):
    assert shapes(**args) == expected


@pytest.mark.parametrize('name', ['retinanet_r18', 'fcos_r18'])
def test_keys_are_mmdets(name):
    facts = json.loads((FOLDER / f'{name}.json').read_text())
    expected = {k: shape for k, shape in facts['state_dict'].items() if k.startswith('neck.')}
    args = {key: value for key, value in facts['model']['neck'].items() if key != 'type'}
    with torch.device('meta'):
        own = FPN(**args).state_dict()
    assert {f'neck.{k}': list(v.shape) for k, v in own.items()} == expected


def ones(neck: FPN) -> FPN:
    """Every convolution sums its inputs at the centre, times 1."""
    with torch.no_grad():
        for conv in [*neck.lateral_convs, *neck.fpn_convs]:
            conv.conv.bias.zero_()
            conv.conv.weight.zero_()
            middle = conv.conv.kernel_size[0] // 2
            conv.conv.weight[:, :, middle, middle] = 1
    return neck


def test_each_level_adds_the_deeper_ones():
    neck = ones(FPN((1, 1, 1), 1, num_outs=3))
    deep = Tensor([[1.0, 2.0]])[None, None]  # 1 x 2
    middle = torch.full((1, 1, 2, 4), 10.0)
    shallow = torch.full((1, 1, 4, 8), 100.0)
    outs = neck([shallow, middle, deep])
    assert torch.equal(outs[2], deep)
    assert outs[1][0, 0].tolist() == [[11, 11, 12, 12]] * 2
    assert outs[0][0, 0].tolist() == [[111] * 4 + [112] * 4] * 4


def test_upsampling_fits_odd_sizes():
    # 3 x 5 from 2 x 3: nearest takes rows 0 0 1 and columns 0 0 1 1 2
    deep = Tensor([[1, 2, 3], [4, 5, 6]])[None, None]
    outs = ones(FPN((1, 1), 1, num_outs=2))([torch.zeros(1, 1, 3, 5), deep])
    assert outs[0][0, 0].tolist() == [[1, 1, 2, 2, 3], [1, 1, 2, 2, 3], [4, 4, 5, 5, 6]]
    doubled = ones(FPN((1, 1), 1, 2, upsample_cfg=dict(mode='nearest', scale_factor=2)))
    assert doubled([torch.zeros(1, 1, 4, 6), deep])[0].shape == (1, 1, 4, 6)


@pytest.mark.parametrize(
    ('source', 'first', 'second'),
    [
        # input -1 on two channels: their sum -2; lateral sums them too; output sums two of those
        ('on_input', -2, -4),
        (True, -2, -4),
        ('on_lateral', -4, -8),
        ('on_output', -8, -16),
    ],
)
def test_sources_of_extra_levels(source, first, second):
    neck = ones(FPN((2,), 2, num_outs=3, add_extra_convs=source))
    outs = neck([torch.full((1, 2, 4, 4), -1.0)])
    assert [out.unique().tolist() for out in outs] == [[-4], [first], [second]]
    # a ReLU comes before the second extra level, not before the first
    neck.relu_before_extra_convs = True
    outs = neck([torch.full((1, 2, 4, 4), -1.0)])
    assert [out.unique().tolist() for out in outs] == [[-4], [first], [0]]


def test_norm_and_activation():
    norm = dict(norm_cfg=dict(type='GN', num_groups=2), act_cfg=dict(type='ReLU'))
    keys = FPN((4,), 4, 1, **norm).state_dict()
    assert {'lateral_convs.0.gn.weight', 'fpn_convs.0.gn.weight'} <= set(keys)
    assert 'lateral_convs.0.conv.bias' not in keys
    keys = FPN((4,), 4, 1, no_norm_on_lateral=True, **norm).state_dict()
    assert 'lateral_convs.0.gn.weight' not in keys and 'fpn_convs.0.gn.weight' in keys
    assert all((out >= 0).all() for out in FPN(CHANNELS, 6, 4, act_cfg=dict(type='ReLU'))(FEATS))


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(num_outs=4, start_level=4), 'start_level 4 and end_level 3 must lie within the 4'),
        (dict(num_outs=2), 'levels 0 to 3 of 4 cannot become num_outs=2: at least 4'),
        (dict(num_outs=4, end_level=2), 'extra levels follow the backbone'),
        (dict(num_outs=5, add_extra_convs='on_inputs'), "found 'on_inputs'.* 'on_input'"),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=message):
        FPN(CHANNELS, 6, **args)


def test_another_number_of_maps():
    with pytest.raises(ConfigError, match='in_channels has 4 levels, the backbone gives 3 maps'):
        FPN(CHANNELS, 6, num_outs=4)(FEATS[:3])
