"""MobileNetV2 is torchvision's number by number; keys are mmdet's."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from mmlite.errors import ConfigError
from mmlite.models.backbones import MobileNetV2
from mmlite.models.backbones.mobilenet_v2 import multiple_of_8


def test_forward_equals_torchvisions(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.mobilenet_v2().eval()
    for buffer in theirs.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    torch.save(theirs.state_dict(), tmp_path / 'mobilenet.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'mobilenet.pth'))
    own = MobileNetV2(out_indices=(1, 4, 7), init_cfg=init_cfg).eval()
    own.init_weights()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        feats = own(x)
        expected = []
        for index, layer in enumerate(theirs.features):
            x = layer(x)
            # blocks 1 | 2, 3 | 4..6 | 7..10 | 11..13 | 14..16 | 17 are layers 0 to 6
            if index in (3, 13, 18):
                expected.append(x)
    for feat, other in zip(feats, expected, strict=True):
        torch.testing.assert_close(feat, other)
    assert [tuple(f.shape[1:]) for f in feats] == [(24, 16, 24), (96, 4, 6), (1280, 2, 3)]


def test_keys_are_mmdets():
    keys = set(MobileNetV2(widen_factor=0.25).state_dict())
    assert {
        'conv1.conv.weight', 'conv1.bn.running_mean', 'conv2.bn.bias',
        'layer1.0.depthwise_conv.conv.weight', 'layer1.0.linear_conv.bn.weight',
        'layer2.1.expand_conv.conv.weight', 'layer7.0.linear_conv.conv.weight',
    } <= keys  # fmt: skip
    assert 'layer1.0.expand_conv.conv.weight' not in keys


@pytest.mark.parametrize(
    ('channels', 'expected'), [(32, 32), (8, 8), (3, 8), (24 * 0.75, 24), (84, 88), (43, 40)]
)
def test_channels_are_multiples_of_8(channels, expected):
    # 18 would round to 16, more than a tenth below; 84 lies halfway and rounds up
    assert multiple_of_8(channels) == expected


def test_what_is_frozen_stays_so_through_train():
    backbone = MobileNetV2(widen_factor=0.25, frozen_stages=2, norm_eval=True)
    for mode in (True, False, True):
        backbone.train(mode)
    frozen = ('conv1.', 'layer1.', 'layer2.')
    for name, parameter in backbone.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms and not any(norm.training for norm in norms) and backbone.training


def test_checkpointed_activations_give_the_same_gradients():
    x = torch.randn(2, 3, 32, 32, generator=torch.manual_seed(1))
    grads = []
    for with_cp in (False, True):
        torch.manual_seed(0)
        backbone = MobileNetV2(widen_factor=0.25, with_cp=with_cp).train()
        sum(feat.square().mean() for feat in backbone(x)).backward()
        grads.append({k: p.grad for k, p in backbone.named_parameters()})
    for key, grad in grads[0].items():
        torch.testing.assert_close(grads[1][key], grad, msg=key)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(out_indices=(8,)), r'out_indices lie in 0\.\.7, found \(8,\)'),
        (dict(frozen_stages=8), r'frozen_stages lies in -1\.\.7, found 8'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=message):
        MobileNetV2(**args)
