"""What pictures weights have learnt from, by their names or by their own numbers."""

from __future__ import annotations

import pytest

from mmlite.tools.doctor.normalisation import Normalisation, Origin, _against_numbers, origin_of

BGR, RGB = Origin(rgb=False, unit_std=False), Origin(rgb=True, unit_std=False)
OPENMMLAB = 'https://download.openmmlab.com/'


@pytest.mark.parametrize(
    ('checkpoint', 'expected'),
    [
        ('open-mmlab://detectron2/resnet50_caffe', Origin(rgb=False, unit_std=True)),
        ('open-mmlab://regnetx_3.2gf', BGR),
        (OPENMMLAB + 'mmdetection/v3.0/rtmdet/cspnext_rsb_pretrain/cspnext-s_imagenet.pth', BGR),
        ('torchvision://regnet_x_400mf', RGB),
        ('open-mmlab://msra/hrnetv2_w32', RGB),
        ('open-mmlab://res2net101_v1d_26w_4s', RGB),
        ('https://github.com/SwinTransformer/storage/releases/download/swin_tiny.pth', RGB),
        ('https://github.com/whai362/PVT/releases/download/v2/pvt_tiny.pth', RGB),
        (OPENMMLAB + 'mmclassification/v0/convnext/convnext-base_in21k.pth', RGB),
        ('my_own.pth', None),
    ],
)
def test_names_of_weights(checkpoint, expected):
    assert origin_of(checkpoint) == expected


# those of timm's vision transformers
HALF = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))


@pytest.mark.parametrize(
    ('found', 'level'),
    [
        (Normalisation(*HALF, True, 'model'), 'ok'),
        (Normalisation(*HALF, False, 'model'), 'error'),
        (Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), True, ''), 'error'),
        (Normalisation(None, None, True, ''), 'error'),
    ],
)
def test_numbers_of_weights(found, level):
    finding = _against_numbers(found, HALF)
    assert finding.verdict == level
    if level == 'error':
        assert 'mean=[127.5, 127.5, 127.5]' in finding.change
