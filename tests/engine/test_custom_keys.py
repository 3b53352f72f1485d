from __future__ import annotations

import pytest
from mmengine.logging import MMLogger
from torch import nn

from mmlite.engine.custom_keys import check_custom_keys, keys_of_nothing
from mmlite.errors import ConfigError


class Detector(nn.Module):
    """Two norms, of which one is in the backbone."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.neck = nn.GroupNorm(1, 4)


def config(custom_keys: dict, **wrapper: object) -> dict:
    paramwise_cfg = dict(custom_keys=custom_keys, norm_decay_mult=0.0)
    return dict(optim_wrapper=dict(paramwise_cfg=paramwise_cfg, **wrapper))


def test_a_key_is_a_piece_of_a_name() -> None:
    names = ['backbone.conv1.weight', 'neck.fpn.bias']
    assert keys_of_nothing(['backbone', 'conv1.w', 'fpn', 'head'], names) == ['head']


def test_a_key_that_matches_no_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as info:
        check_custom_keys(config({'backbone': {}, 'bakbone': {}}), Detector())
    assert str(info.value).startswith(
        "optim_wrapper.paramwise_cfg.custom_keys: no parameter of the model has 'bakbone' in its "
        "name. Did you mean 'backbone'"
    )
    assert str(info.value).endswith('begin with backbone, neck')


def test_keys_of_transformers_in_mmdets_recipes_need_not_match() -> None:
    check_custom_keys(config({'absolute_pos_embed': dict(decay_mult=0.0)}), Detector())
    with pytest.raises(ConfigError, match="'absolute_pos'"):
        check_custom_keys(config({'absolute_pos': dict(decay_mult=0.0)}), Detector())


def test_a_constructor_of_ones_own_reads_the_keys_in_its_own_way() -> None:
    check_custom_keys(config({'layer_0': {}}, constructor='LayerDecay'), Detector())
    with pytest.raises(ConfigError):
        check_custom_keys(
            config({'layer_0': {}}, constructor='DefaultOptimWrapperConstructor'), Detector()
        )


def test_rules_that_custom_keys_switch_off_are_named(caplog: pytest.LogCaptureFixture) -> None:
    """Of the two norms with two parameters each, the key matches those of the backbone's."""
    logger = MMLogger.get_instance('custom_keys')
    logger.addHandler(caplog.handler)
    check_custom_keys(config({'backbone': dict(lr_mult=0.1)}), Detector())
    assert 'norm_decay_mult does not reach 2 of the 4 parameters of norm layers' in caplog.text
    caplog.clear()
    check_custom_keys(config({'0.weight': dict(lr_mult=0.1)}), Detector())  # the convolution's
    assert not caplog.text
