"""SSDVGG: shapes, keys, and the way from torchvision's classifier to fc6 and fc7."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from mmlite.errors import ConfigError, DataError
from mmlite.models.backbones import SSDVGG
from tests.golden import FOLDER


def on_meta(**args) -> SSDVGG:
    """A backbone whose tensors have shapes and keys, but no memory and no numbers."""
    with torch.device('meta'):
        return SSDVGG(**args)


@pytest.mark.parametrize(
    ('size', 'ceil_mode', 'sides'),
    [(300, True, (38, 19)), (300, False, (37, 18)), (512, True, (64, 32))],
)
def test_feature_maps(size, ceil_mode, sides):
    # 300 / 2 / 2 = 75, / 2 = 37.5, / 2 = 18.75: Caffe rounds up; pool5 keeps the size
    feats = on_meta(ceil_mode=ceil_mode)(torch.zeros(2, 3, size, size, device='meta'))
    assert [tuple(feat.shape) for feat in feats] == [
        (2, 512, sides[0], sides[0]), (2, 1024, sides[1], sides[1])
    ]  # fmt: skip


def test_keys_are_mmdets():
    golden = json.loads((FOLDER / 'ssd300_voc.json').read_text())['state_dict']
    expected = {k: shape for k, shape in golden.items() if k.startswith('backbone.')}
    found = {f'backbone.{k}': list(v.shape) for k, v in on_meta().state_dict().items()}
    assert found == expected


def test_maps_are_those_of_the_layers_asked_for():
    torch.manual_seed(0)
    backbone = SSDVGG(depth=11, out_feature_indices=(2, 12))
    img = torch.randn(1, 3, 40, 40)
    with torch.no_grad():
        feats = backbone(img)
        for feat, index in zip(feats, (2, 12), strict=True):
            assert torch.equal(feat, backbone.features[: index + 1](img))


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(depth=12), r'depth 12 .*\[11, 13, 16, 19\]'),
        (dict(with_last_pool=True), 'with_last_pool'),
        (dict(out_indices=(2, 3)), 'out_indices'),
        (dict(out_feature_indices=(22, 35)), r'\(22, 35\) are beyond the 35 layers'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=message):
        on_meta(**args)


# ---- first weights -----------------------------------------------------------------------


def classifier_file(name: str = 'vgg16') -> dict[str, torch.Tensor]:
    """torchvision's state dict: zeros, but the classifier says which element is which.

    Expanded tensors: 4096 x 25088 numbers would be 400 MB.
    """
    with torch.device('meta'):
        shapes = {k: v.shape for k, v in torchvision.models.get_model(name).state_dict().items()}
    weights = {k: torch.zeros(()).expand(shape) for k, shape in shapes.items()}
    weights['classifier.0.weight'] = torch.arange(25088.0).expand(4096, 25088)
    weights['classifier.0.bias'] = torch.arange(4096.0)
    weights['classifier.3.weight'] = torch.arange(4096.0).expand(4096, 4096)
    weights['classifier.3.bias'] = -torch.arange(4096.0)
    return weights


def load(weights: dict, folder: Path, **args) -> SSDVGG:
    torch.save(weights, folder / 'vgg.pth')
    checkpoint = str(folder / 'vgg.pth')
    backbone = SSDVGG(**args, init_cfg=dict(type='Pretrained', checkpoint=checkpoint))
    with torch.no_grad():
        backbone.features[0].weight.fill_(7)
    backbone.init_weights()
    return backbone


def test_classifier_becomes_fc6_and_fc7(tmp_path):
    backbone = load(classifier_file(), tmp_path)
    fc6, fc7 = backbone.features[31], backbone.features[33]
    # fc6's column of channel c, row y and column x of the 7x7 window is 49c + 7y + x
    channel = torch.arange(512.0)[:, None, None]
    y, x = torch.tensor([0.0, 3, 6])[:, None], torch.tensor([0.0, 3, 6])
    expected = (49 * channel + 7 * y + x).expand(1024, 512, 3, 3)
    assert torch.equal(fc6.weight, expected)
    every_fourth = torch.arange(0, 4096, 4.0)
    assert torch.equal(fc7.weight, every_fourth[None, :, None, None].expand(1024, 1024, 1, 1))
    assert torch.equal(fc6.bias, every_fourth)
    assert torch.equal(fc7.bias, -every_fourth)
    assert (backbone.features[0].weight == 0).all()  # the file's


def test_every_fourth_output_of_the_classifier_is_kept():
    weights = classifier_file()
    rows = torch.arange(4096.0)[:, None]
    weights['classifier.0.weight'] = rows.expand(4096, 25088)
    weights['classifier.3.weight'] = rows.expand(4096, 4096)
    converted = on_meta().convert_pretrained(weights)
    every_fourth = torch.arange(0, 4096, 4.0)[:, None, None, None]
    assert torch.equal(converted['features.31.weight'], every_fourth.expand(1024, 512, 3, 3))
    assert torch.equal(converted['features.33.weight'], every_fourth.expand(1024, 1024, 1, 1))
    assert not any(key.startswith('classifier') for key in converted)


@pytest.mark.parametrize(
    ('name', 'args'),
    [
        ('vgg11', dict(depth=11, out_feature_indices=(12, 24))),
        ('vgg19', dict(depth=19)),
        ('vgg16_bn', dict(depth=16, norm_cfg=dict(type='BN'))),
    ],
)
def test_the_classifier_of_other_depths_finds_its_place(name, args):
    backbone = on_meta(**args)
    converted = backbone.convert_pretrained(classifier_file(name))
    own = backbone.state_dict()
    assert set(converted) == set(own)
    assert all(converted[key].shape == own[key].shape for key in own)


@pytest.mark.parametrize('kind', ['absent', 'nan'])
def test_a_features_only_file_leaves_fc6_and_fc7_as_drawn(tmp_path, kind):
    # torchvision's IMAGENET1K_FEATURES has a classifier full of NaN
    weights = classifier_file()
    for key in [key for key in weights if key.startswith('classifier')]:
        if kind == 'absent':
            del weights[key]
        else:
            weights[key] = torch.full((1,), torch.nan).expand(weights[key].shape)
    backbone = load(weights, tmp_path)
    assert (backbone.features[0].weight == 0).all()
    fc6 = backbone.features[31].weight
    assert torch.isfinite(fc6).all() and fc6.std() > 0


def test_a_file_of_another_network_is_refused(tmp_path):
    torch.save({'layer1.0.conv1.weight': torch.zeros(3)}, tmp_path / 'resnet.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'resnet.pth'))
    with pytest.raises(DataError, match=r'resnet\.pth'):
        on_meta(init_cfg=init_cfg).init_weights()


def test_without_a_file_the_weights_are_drawn_by_kaiming():
    torch.manual_seed(0)
    backbone = SSDVGG(depth=11, out_feature_indices=(12, 24))
    backbone.init_weights()
    conv = backbone.features[6]
    assert isinstance(conv, nn.Conv2d)
    # fan out of 256 x 3 x 3: variance 2 / 2304, and no bias; PyTorch's own draw has a third of it
    assert conv.weight.var().item() == pytest.approx(2 / 2304, rel=0.05)
    assert (conv.bias == 0).all()
