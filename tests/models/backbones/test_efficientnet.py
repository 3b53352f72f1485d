"""EfficientNet is torchvision's under mmdet's arguments."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from mmlite.errors import ConfigError, DataError
from mmlite.models.backbones import EfficientNet
from mmlite.registry import BACKBONES
from tests.models.backbones.common import check_frozen, shapes


def test_maps_of_mmdets_config():
    norm_cfg = dict(type='SyncBN', requires_grad=True, eps=1e-3, momentum=0.01)
    cfg = dict(
        type='EfficientNet', arch='b3', drop_path_rate=0.2, out_indices=(3, 4, 5),
        frozen_stages=0, norm_cfg=norm_cfg, norm_eval=False,
    )  # fmt: skip
    with torch.device('meta'):
        backbone = BACKBONES.build(cfg)
    norms = [m for m in backbone.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    assert all(isinstance(m, nn.SyncBatchNorm) and m.momentum == 0.01 for m in norms)
    with torch.device('meta'):
        backbone = BACKBONES.build({**cfg, 'norm_cfg': None})
    # in_channels of that config's neck
    assert shapes(backbone, 64, 96) == [(48, 8, 12), (136, 4, 6), (384, 2, 3)]


def test_layers_of_b0():
    # table 1 of the paper, the stages of one stride joined
    expected = [(32, 32), (16, 32), (24, 16), (40, 8), (112, 4), (320, 2), (1280, 2)]
    assert [shape[:2] for shape in shapes(EfficientNet(out_indices=range(7)), 64, 64)] == expected


def test_weights_of_torchvision_and_of_mmdet(tmp_path):
    theirs = torchvision.models.efficientnet_b0().eval()
    torch.save(theirs.state_dict(), tmp_path / 'b0.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'b0.pth'))
    own = EfficientNet(out_indices=(6,), init_cfg=init_cfg).eval()
    own.init_weights()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(own(x)[0], theirs.features(x))
    with pytest.raises(DataError, match=r'pad in another way.*torchvision://efficientnet_b0'):
        own.convert_pretrained({'layers.0.conv.weight': torch.zeros(1)})


def test_what_is_frozen_stays_so_through_train():
    # of two layers: the stem, and the first stage
    check_frozen(EfficientNet(out_indices=(5,), frozen_stages=2), ('features.0.', 'features.1.'))


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (dict(arch='b9'), r"arch 'b9' is unknown\. Known: b0, b1"),
        (dict(out_indices=(7,)), r'out_indices lie in 0\.\.6, found \(7,\)'),
        (dict(frozen_stages=8), r'frozen_stages lies in 0\.\.7, found 8'),
    ],
)
def test_arguments_that_do_not_fit(args, message):
    with pytest.raises(ConfigError, match=f'EfficientNet: {message}'):
        EfficientNet(**args)
