"""Necks against mmdet 3.3.0: state-dict keys, outputs and gradients."""

from __future__ import annotations

import pytest

from tests.golden_modules import check_gradients, check_outputs, load_module_golden

CASES = (
    'pafpn',
    'yoloxpafpn_tiny',
    'cspnextpafpn_tiny',
    'dilated_encoder',
    'dyhead',
    'hrfpn_w18',
    'nas_fpn',
    'nas_fpn_odd',
    'bfp_conv',
    'bfp_non_local',
)


@pytest.mark.parametrize('name', CASES)
def test_golden(name):
    golden = load_module_golden(f'neck_{name}')
    check_outputs(golden)
    check_gradients(golden)
