"""ResNet is torchvision's, key by key and number by number; what is frozen stays so."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from mmlite.errors import ConfigError, DataError
from mmlite.models import build_detector
from mmlite.models.backbones import ResNet
from mmlite.models.layers import ConvWS2d
from tests.models.tiny import tiny_ssd


@pytest.mark.parametrize('depth', [18, 34, 50, 101, 152])
def test_keys_and_shapes_are_torchvisions(depth):
    with torch.device('meta'):
        own = ResNet(depth).state_dict()
        theirs = torchvision.models.get_model(f'resnet{depth}').state_dict()
    expected = {k: v.shape for k, v in theirs.items() if not k.startswith('fc.')}
    assert {k: v.shape for k, v in own.items()} == expected


@pytest.mark.parametrize('depth', [18, 50])
def test_forward_equals_torchvisions(depth, tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.get_model(f'resnet{depth}').eval()
    for buffer in theirs.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    torch.save(theirs.state_dict(), tmp_path / 'resnet.pth')
    checkpoint = str(tmp_path / 'resnet.pth')
    own = ResNet(depth, init_cfg=dict(type='Pretrained', checkpoint=checkpoint)).eval()
    own.init_weights()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        feats = own(x)
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
        for stage, feat in enumerate(feats, 1):
            x = theirs.get_submodule(f'layer{stage}')(x)
            torch.testing.assert_close(feat, x)
    assert [feat.shape[-1] for feat in feats] == [16, 8, 4, 2]  # strides 4, 8, 16, 32


def thin(**args) -> ResNet:
    torch.manual_seed(0)
    return ResNet(18, base_channels=4, **args)


def test_out_indices_and_num_stages():
    backbone = thin(num_stages=3, out_indices=(0, 2))
    assert [tuple(f.shape) for f in backbone(torch.zeros(1, 3, 64, 64))] == [
        (1, 4, 16, 16), (1, 16, 4, 4)
    ]  # fmt: skip
    assert not hasattr(backbone, 'layer4')


def test_style_says_where_a_bottleneck_has_its_stride():
    with torch.device('meta'):
        blocks = {style: ResNet(50, style=style).layer2[0] for style in ('pytorch', 'caffe')}
    strides = {style: (b.conv1.stride[0], b.conv2.stride[0]) for style, b in blocks.items()}
    assert strides == dict(pytorch=(1, 2), caffe=(2, 1))


@pytest.mark.parametrize(
    ('depth', 'dilated'),
    # of a BasicBlock only the first convolution, as in mmdet; of a bottleneck its 3x3
    [(18, ['0.conv1', '1.conv1']), (50, ['0.conv2', '1.conv2', '2.conv2'])],
)
def test_a_last_stage_of_stride_1_is_dilated_and_as_fine_as_the_one_before(depth, dilated):
    with torch.device('meta'):
        backbone = ResNet(depth, strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2))
        feats = backbone(torch.zeros(1, 3, 64, 64))
    assert [feat.shape[-1] for feat in feats] == [16, 8, 4, 4]
    convs = {k: m for k, m in backbone.layer4.named_modules() if isinstance(m, nn.Conv2d)}
    assert [key for key, conv in convs.items() if conv.dilation == (2, 2)] == dilated
    assert all(conv.padding == conv.dilation for key, conv in convs.items() if key in dilated)
    # a file of the ordinary ResNet fits
    with torch.device('meta'):
        ordinary = ResNet(depth).state_dict()
    assert {k: v.shape for k, v in backbone.state_dict().items()} == {
        k: v.shape for k, v in ordinary.items()
    }


def test_conv_cfg_is_that_of_all_convolutions():
    backbone = thin(conv_cfg=dict(type='ConvWS'), norm_cfg=dict(type='GN', num_groups=2))
    convs = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    # the stem, two for each of 8 blocks, three shortcuts
    assert len(convs) == 1 + 16 + 3
    assert all(isinstance(conv, ConvWS2d) for conv in convs)


def test_frozen_stages_stay_frozen_through_train():
    backbone = thin(frozen_stages=1, norm_eval=False)
    for mode in (True, False, True):
        backbone.train(mode)
    frozen = ('conv1.', 'bn1.', 'layer1.')
    for name, parameter in backbone.named_parameters():
        assert parameter.requires_grad != name.startswith(frozen), name
    assert not backbone.bn1.training and not backbone.layer1[0].bn1.training
    assert backbone.layer2[0].bn1.training

    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    backbone(torch.randn(2, 3, 64, 64))
    changed = {k for k, v in backbone.state_dict().items() if not torch.equal(v, before[k])}
    assert not any(key.startswith(frozen) for key in changed)
    assert 'layer2.0.bn1.running_mean' in changed


def test_frozen_stages_0_is_only_the_stem():
    backbone = thin(frozen_stages=0)
    assert not backbone.conv1.weight.requires_grad
    assert backbone.layer1[0].conv1.weight.requires_grad


def test_norm_eval_keeps_the_statistics_but_trains_the_weights():
    backbone = thin(norm_eval=True).train()
    norms = [module for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 20  # the stem, two in each of 8 blocks, 3 shortcuts
    assert not any(norm.training for norm in norms)
    assert all(norm.weight.requires_grad for norm in norms)
    assert backbone.training


def test_checkpointed_activations_give_the_same_gradients(monkeypatch):
    calls = []
    sequential = torch.utils.checkpoint.checkpoint_sequential
    monkeypatch.setattr(
        torch.utils.checkpoint,
        'checkpoint_sequential',
        lambda *args, **kwargs: calls.append(args) or sequential(*args, **kwargs),
    )
    x = torch.randn(2, 3, 64, 64, generator=torch.manual_seed(1))
    grads = []
    for with_cp in (False, True):
        backbone = thin(with_cp=with_cp).train()
        sum(feat.square().mean() for feat in backbone(x)).backward()
        grads.append({k: p.grad for k, p in backbone.named_parameters()})
    assert len(calls) == 4  # one a stage, of the second backbone
    for key, grad in grads[0].items():
        torch.testing.assert_close(grads[1][key], grad, msg=key)


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(depth=20), r'depth 20 .*\[18, 34, 50, 101, 152\]'),
        (dict(depth=18, style='tf'), "'pytorch' or 'caffe', found 'tf'"),
        (dict(depth=18, num_stages=3), r'out_indices \(0, 1, 2, 3\) need 4 stages'),
        (dict(depth=18, strides=(1, 2, 2)), r'strides \(1, 2, 2\) .* each of 4 stages'),
        (dict(depth=18, frozen_stages=5), 'frozen_stages is 5, num_stages is 4'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with torch.device('meta'), pytest.raises(ConfigError, match=message):
        ResNet(**args)


def test_pretrained_weights_are_read_by_init_weights_and_not_before(tmp_path):
    checkpoint = tmp_path / 'resnet18.pth'
    init_cfg = dict(type='Pretrained', checkpoint=str(checkpoint))
    detector = build_detector(tiny_ssd(backbone=dict(init_cfg=init_cfg)))  # no such file yet
    with pytest.raises(DataError, match=r'resnet18\.pth: no such file'):
        detector.init_weights()

    torch.manual_seed(1)
    weights = ResNet(18, base_channels=8).state_dict()
    weights['fc.weight'] = torch.zeros(1000, 64)
    torch.save(dict(state_dict={f'module.{k}': v for k, v in weights.items()}), checkpoint)
    detector.init_weights()
    own = detector.backbone.state_dict()
    assert all(torch.equal(own[key], weights[key]) for key in own)


def test_without_a_file_the_weights_are_drawn_by_kaiming():
    backbone = thin()
    with torch.no_grad():
        backbone.layer4[1].bn2.weight.fill_(7)
    backbone.init_weights()
    # fan out of 32 x 3 x 3: variance 2 / 288
    weight = backbone.layer4[1].conv2.weight
    assert weight.var().item() == pytest.approx(2 / 288, rel=0.1)
    assert (backbone.layer4[1].bn1.weight == 1).all()
    assert (backbone.layer4[1].bn2.weight == 0).all()  # mmdet's zero_init_residual
    plain = thin(zero_init_residual=False)
    plain.init_weights()
    assert (plain.layer4[1].bn2.weight == 1).all()
