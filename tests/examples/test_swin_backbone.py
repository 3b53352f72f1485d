"""The backbone from another library."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import SwinTransformer

from mmlite.models.backbones.base import BaseModule
from mmlite.registry import BACKBONES
from tests.examples.short_run import EXAMPLES, FEW_DRAWN, train_and_test

SMALL = dict(
    type='examples.swin_backbone.swin_backbone.SwinBackbone',
    embed_dim=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 2, 2, 2),
)


def test_trains_and_tests(tmp_path: Path) -> None:
    out = train_and_test(EXAMPLES / 'swin_backbone/swin_demo.py', tmp_path, options=FEW_DRAWN)
    assert out[-1].startswith('pascal_voc/mAP: ')


@pytest.fixture
def backbone() -> BaseModule:
    return BACKBONES.build(SMALL, at='backbone')


def test_maps_are_channels_first_and_halve_from_stage_to_stage(backbone: BaseModule) -> None:
    maps = backbone(torch.zeros(1, 3, 96, 64))
    # strides 4, 8, 16, 32
    assert [tuple(m.shape) for m in maps] == [
        (1, 8, 24, 16),
        (1, 16, 12, 8),
        (1, 32, 6, 4),
        (1, 64, 3, 2),
    ]


def test_torchvisions_weights_are_loaded(tmp_path: Path) -> None:
    theirs = SwinTransformer([4, 4], 8, [1, 1, 1, 1], [1, 2, 2, 2], [7, 7]).eval()
    torch.save(theirs.state_dict(), tmp_path / 'swin.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'swin.pth'))
    ours = BACKBONES.build(dict(SMALL, init_cfg=init_cfg), at='backbone').eval()
    image = torch.rand(1, 3, 64, 64)
    # theirs has one norm, after the last stage, which starts as ours do: no scale, no shift
    expected = theirs.norm(theirs.features(image)).permute(0, 3, 1, 2)
    assert not torch.equal(ours(image)[-1], expected)
    ours.init_weights()
    assert torch.equal(ours(image)[-1], expected)
