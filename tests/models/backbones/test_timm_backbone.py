"""TimmBackbone: without timm, and with it where it is installed."""

from __future__ import annotations

import sys

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.backbones import TimmBackbone
from mmlite.registry import BACKBONES


def test_without_timm_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ConfigError, match=r"TimmBackbone needs .* pip install 'mmlite\[timm\]'"):
        TimmBackbone('resnet18')


def test_scores_of_a_classifier_are_no_maps():
    with pytest.raises(ConfigError, match='features_only=True'):
        TimmBackbone('resnet18', features_only=False)


@pytest.fixture
def timm():
    return pytest.importorskip('timm', reason="timm is missing: pip install 'mmlite[timm]'")


@pytest.mark.parametrize(
    ('args', 'channels'),
    [
        # the backbones of mmdet's configs/timm_example, without their weights
        (dict(model_name='efficientnet_b1', out_indices=(1, 2, 3, 4)), [24, 40, 112, 320]),
        (dict(model_name='tv_resnet50', out_indices=(1, 2, 3, 4)), [256, 512, 1024, 2048]),
        (dict(model_name='convnext_atto'), [40, 80, 160, 320]),
        # its maps are (N, H, W, C)
        (
            dict(model_name='swin_tiny_patch4_window7_224', model_args=dict(img_size=(64, 96))),
            [96, 192, 384, 768],
        ),
    ],
)
def test_maps(timm, args, channels):
    backbone = BACKBONES.build(dict(args, type='mmpretrain.TIMMBackbone', features_only=True))
    with torch.no_grad():
        feats = backbone.eval()(torch.zeros(1, 3, 64, 96))
    expected = [(1, c, 64 // s, 96 // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True)]
    assert [tuple(feat.shape) for feat in feats] == expected
    assert all(key.startswith('timm_model.') for key in backbone.state_dict())


@pytest.mark.parametrize('name', ['convnext_atto', 'resnet18'])
def test_a_file_of_the_classifier(timm, name, tmp_path):
    torch.save(timm.create_model(name).state_dict(), tmp_path / 'timm.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'timm.pth'))
    backbone = TimmBackbone(name, init_cfg=init_cfg)
    backbone.init_weights()
    found = backbone.convert_pretrained(torch.load(tmp_path / 'timm.pth'))
    own = backbone.state_dict()
    assert set(found) == set(own) and all(torch.equal(own[key], v) for key, v in found.items())


def test_mean_and_std_are_those_of_the_weights(timm):
    assert TimmBackbone('resnet18').mean_std_of_weights is None
    mean, std = TimmBackbone('mobilenetv3_large_100', pretrained=True).mean_std_of_weights
    assert mean == pytest.approx((123.675, 116.28, 103.53))
    assert std == pytest.approx((58.395, 57.12, 57.375))
    mean, std = TimmBackbone('vit_tiny_patch16_224', pretrained=True).mean_std_of_weights
    assert mean == std == (127.5,) * 3


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(model_name='resnet180'), r"no model 'resnet180'\..*'resnet18'"),
        (dict(model_name='resnet18', model_args=dict(foo=1)), r"cannot make.*'foo'"),
        (dict(model_name='resnet18', out_indices=(1, 9)), 'cannot make feature maps of resnet18'),
    ],
)
def test_what_it_cannot_do(timm, args, message):
    with pytest.raises(ConfigError, match=message):
        TimmBackbone(**args)
