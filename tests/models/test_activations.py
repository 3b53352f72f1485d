"""Activations by mmcv's names and with its defaults; each value by hand."""

from __future__ import annotations

import math

import pytest
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.activations import build_activation

SIGMOID_2 = 1 / (1 + math.exp(-2))


@pytest.mark.parametrize(
    ('act_cfg', 'of_minus_2', 'of_2'),
    [
        (None, -2, 2),
        (dict(type='ReLU'), 0, 2),
        (dict(type='ReLU6'), 0, 2),
        (dict(type='LeakyReLU'), -0.02, 2),  # a slope of 0.01
        (dict(type='LeakyReLU', negative_slope=0.1), -0.2, 2),
        (dict(type='ELU'), math.exp(-2) - 1, 2),
        (dict(type='SiLU'), -2 * (1 - SIGMOID_2), 2 * SIGMOID_2),
        (dict(type='Swish'), -2 * (1 - SIGMOID_2), 2 * SIGMOID_2),
        (dict(type='HSwish'), -2 * 1 / 6, 2 * 5 / 6),  # x * (x + 3) / 6
        (dict(type='HSigmoid'), 1 / 6, 5 / 6),
        (dict(type='HSigmoid', bias=1.0, divisor=2.0), 0, 1),  # what mmcv below 1.4.4 had
        (dict(type='GELU'), -2 * 0.02275, 2 * 0.97725),  # x times the normal distribution up to x
        (dict(type='Sigmoid'), 1 - SIGMOID_2, SIGMOID_2),
        (dict(type='Tanh'), -math.tanh(2), math.tanh(2)),
        (dict(type='PReLU'), -0.5, 2),  # its slope starts at 0.25
    ],
)
def test_values(act_cfg, of_minus_2, of_2):
    found = build_activation(act_cfg)(Tensor([-2, 2])).tolist()
    assert found == pytest.approx([of_minus_2, of_2], abs=1e-4)


@pytest.mark.parametrize(('args', 'inplace'), [({}, True), (dict(inplace=False), False)])
def test_it_writes_into_its_input_by_default(args, inplace):
    layer, x = build_activation(dict(type='SiLU', **args)), Tensor([-2, 2])
    assert isinstance(layer, nn.SiLU)
    assert (layer(x).data_ptr() == x.data_ptr()) is inplace


@pytest.mark.parametrize(
    ('act_cfg', 'message'),
    [
        (dict(type='RELU7'), r"act_cfg: type 'RELU7' is unknown\. Did you mean 'ReLU.*Known: ReLU"),
        (dict(type='LeakyReLU', slope=0.1), r"act_cfg: LeakyReLU takes no argument 'slope'"),
        (dict(name='ReLU'), r"act_cfg: a dict with the key 'type' is expected, found \{'name'"),
        ('ReLU', r"act_cfg: a dict with the key 'type' is expected, found 'ReLU'"),
    ],
)
def test_mistakes(act_cfg, message):
    with pytest.raises(ConfigError, match=message):
        build_activation(act_cfg)
