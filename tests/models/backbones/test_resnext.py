"""ResNeXt, and norm layers other than batch norm in a ResNet."""

from __future__ import annotations

import pytest
import torch
import torchvision

from mmlite.errors import ConfigError
from mmlite.registry import BACKBONES


@pytest.mark.parametrize(
    ('name', 'depth', 'groups', 'base_width'),
    [
        ('resnext50_32x4d', 50, 32, 4),
        ('resnext101_32x8d', 101, 32, 8),
        ('resnext101_64x4d', 101, 64, 4),
    ],
)
def test_keys_and_shapes_are_torchvisions(name, depth, groups, base_width):
    cfg = dict(type='ResNeXt', depth=depth, groups=groups, base_width=base_width)
    with torch.device('meta'):
        own = BACKBONES.build(cfg).state_dict()
        theirs = torchvision.models.get_model(name).state_dict()
    expected = {k: v.shape for k, v in theirs.items() if not k.startswith('fc.')}
    assert {k: v.shape for k, v in own.items()} == expected


def test_forward_equals_torchvisions(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.resnext50_32x4d().eval()
    torch.save(theirs.state_dict(), tmp_path / 'resnext.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'resnext.pth'))
    own = BACKBONES.build(dict(type='ResNeXt', depth=50, groups=32, init_cfg=init_cfg)).eval()
    own.init_weights()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        last = own(x)[-1]
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
        x = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(x))))
    torch.testing.assert_close(last, x)


def test_groups_need_bottlenecks():
    with pytest.raises(ConfigError, match='depth 18 has no bottlenecks for groups=32'):
        BACKBONES.build(dict(type='ResNeXt', depth=18, groups=32))


def test_group_norm_has_mmdets_names_and_is_frozen_with_its_stage():
    norm_cfg = dict(type='GN', num_groups=2)
    backbone = BACKBONES.build(
        dict(type='ResNet', depth=18, base_channels=4, norm_cfg=norm_cfg, frozen_stages=1)
    )
    keys = set(backbone.state_dict())
    assert {'gn1.weight', 'layer1.0.gn2.bias', 'layer2.0.downsample.1.weight'} <= keys
    assert not any('bn' in key or 'running' in key for key in keys)
    assert not backbone.gn1.weight.requires_grad and backbone.layer2[0].gn1.weight.requires_grad
    assert [f.shape[1] for f in backbone(torch.rand(1, 3, 64, 64))] == [4, 8, 16, 32]
