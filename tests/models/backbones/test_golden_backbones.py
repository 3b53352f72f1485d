"""Backbones against mmdet 3.3.0: state-dict keys, outputs, and which parameters get a gradient."""

from __future__ import annotations

import pytest

from tests.golden_modules import check_gradients, check_outputs, load_module_golden

CASES = (
    'cspdarknet_tiny',
    'cspnext_tiny',
    'darknet53',
    'hrnetv2p_w18',
    'pvtv2_b0',
    'regnetx_400mf',
    'res2net_50',
    'resnest_50',
    'resnest_50_groups',
    'swin_t',
)


@pytest.mark.parametrize('name', CASES)
def test_golden(name):
    golden = load_module_golden(f'backbone_{name}')
    check_outputs(golden)
    check_gradients(golden)
