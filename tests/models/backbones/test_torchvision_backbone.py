"""TorchvisionBackbone: the ends of stages, weights, and names that are wrong."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.backbones import TorchvisionBackbone
from tests.models.tiny import batch, tiny_ssd


@pytest.mark.parametrize(
    ('name', 'channels'),
    [
        # of table 1 of each paper, what comes out of the last block before a map is halved
        ('resnet18', [64, 128, 256, 512]),
        ('mobilenet_v2', [24, 32, 96, 320]),
        ('mobilenet_v3_small', [16, 24, 48, 96]),
        ('efficientnet_b0', [24, 40, 112, 320]),
    ],
)
def test_ends_of_stages(name, channels):
    backbone = TorchvisionBackbone(name).eval()
    assert backbone.out_channels == channels
    with torch.no_grad():
        feats = backbone(torch.zeros(1, 3, 64, 96))
    expected = [(1, c, 64 // s, 96 // s) for c, s in zip(channels, (4, 8, 16, 32), strict=True)]
    assert [tuple(feat.shape) for feat in feats] == expected


def test_weights_are_those_of_the_classifier(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18().eval()
    torch.save(theirs.state_dict(), tmp_path / 'resnet18.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'resnet18.pth'))
    own = TorchvisionBackbone('resnet18', strides=(32,), init_cfg=init_cfg).eval()
    own.init_weights()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        (feat,) = own(x)
        scores = theirs.fc(theirs.avgpool(feat).flatten(1))
        torch.testing.assert_close(scores, theirs(x))
    assert not any('fc' in key for key in own.state_dict())


def test_layers_by_name():
    backbone = TorchvisionBackbone('mobilenet_v3_small', return_nodes=['features.3.add'])
    assert backbone.out_channels == [24]
    with pytest.raises(ConfigError, match=r"'features\.3\.ad' is no layer.*'features\.3\.add'"):
        TorchvisionBackbone('mobilenet_v3_small', return_nodes=['features.3.ad'])


def test_norm_eval():
    backbone = TorchvisionBackbone('mobilenet_v3_small', norm_eval=True).train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms) and backbone.training


def test_what_is_frozen():
    backbone = TorchvisionBackbone(
        'mobilenet_v3_small', norm_eps=1e-5, frozen_norms=True, frozen_layers=['features.0']
    ).train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.eps, norm.training, norm.weight.requires_grad) for norm in norms} == {
        (1e-5, False, False)
    }
    trained = {name for name, p in backbone.named_parameters() if p.requires_grad}
    assert 'body.features.1.block.0.0.weight' in trained
    assert not any(name.startswith('body.features.0.') for name in trained)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (
            dict(name='mobilenet_v3_small', frozen_layers=['feature.0']),
            r"'feature\.0' of frozen_layers is no layer of it\..*'features\.0'",
        ),
        (dict(name='resnet19'), r"no model 'resnet19'\..*'resnet18'"),
        (dict(name='resnet18', strides=(64,)), r'no map .* of stride 64; it has \[2, 4, 8, 16'),
        (dict(name='vit_b_16'), 'vit_b_16 cannot be run at 128 pixels'),
    ],
)
def test_what_it_cannot_do(args, message):
    with pytest.raises(ConfigError, match=message):
        TorchvisionBackbone(**args)


def test_in_a_detector():
    # the neck of the tiny SSD reads 16 and 32 channels
    cfg = dict(type='TorchvisionBackbone', name='mobilenet_v3_small', strides=(16, 32))
    model = tiny_ssd()
    model['backbone'] = cfg
    model['neck'] |= dict(in_channels=(48, 96), out_channels=(48, 96, 16))
    model['bbox_head'] |= dict(in_channels=(48, 96, 16))
    losses = build_detector(model).train()(**batch((64, 64), (64, 64)))
    assert all(value.isfinite() for value in losses.values())
