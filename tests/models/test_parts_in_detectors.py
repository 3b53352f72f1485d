"""Every backbone and neck in a detector: sizes without memory, operations, a step, detections."""

from __future__ import annotations

import copy

import pytest
import torch

from mmlite.config import load_config
from mmlite.models import build_detector
from mmlite.models.complexity import measure
from mmlite.models.featmap_sizes import FeatmapSizes
from mmlite.models.matching_parts import check_parts_fit
from mmlite.models.norms import without_sync
from mmlite.models.outline import outline_of
from tests.models.backbones.test_hrnet import EXTRA
from tests.models.tiny import batch
from tests.runs import CONFIGS

YOLO = dict(deepen_factor=0.1, widen_factor=0.125)
SYNC = dict(norm_cfg=dict(type='SyncBN'), act_cfg=dict(type='SiLU', inplace=True))
RESNET = dict(type='ResNet', depth=18, base_channels=8)
WIDTHS = [8, 16, 32, 64]
ONE_EACH = dict(embed_dims=8, num_layers=(1, 1, 1, 1))
REGNET = dict(w0=16, wa=16, wm=2, group_w=8, depth=5, bot_mul=1.0)
SMALL_SWIN = dict(embed_dims=8, depths=(1, 1, 2, 1), num_heads=(1, 2, 4, 8), with_cp=True)


def fpn(*in_channels: int, **args) -> dict:
    return dict(type='FPN', in_channels=in_channels, out_channels=16, **args)


# backbone, neck, stride of the first level, number of levels
CASES = {
    'YOLOX': (
        dict(type='CSPDarknet', **YOLO),
        dict(type='YOLOXPAFPN', in_channels=[32, 64, 128], out_channels=16, num_csp_blocks=1),
        8,
        3,
    ),
    'RTMDet': (
        dict(type='CSPNeXt', **YOLO, **SYNC),
        dict(
            type='CSPNeXtPAFPN',
            in_channels=[32, 64, 128],
            out_channels=16,
            num_csp_blocks=1,
            **SYNC,
        ),
        8,
        3,
    ),
    'RegNet': (
        dict(type='RegNet', arch=REGNET, out_indices=(0, 1, 2), frozen_stages=1),
        fpn(16, 32, 64, num_outs=3),
        4,
        3,
    ),
    'HRNet': (
        dict(type='HRNet', extra=EXTRA),
        dict(type='HRFPN', in_channels=WIDTHS, out_channels=16, num_outs=4),
        4,
        4,
    ),
    'Swin': (dict(type='SwinTransformer', **SMALL_SWIN), fpn(*WIDTHS, num_outs=4), 4, 4),
    'PVT': (
        dict(type='PyramidVisionTransformer', **ONE_EACH),
        fpn(8, 16, 40, 64, num_outs=4),
        4,
        4,
    ),
    'PVTv2': (
        dict(type='PyramidVisionTransformerV2', **ONE_EACH),
        fpn(8, 16, 40, 64, num_outs=4),
        4,
        4,
    ),
    'ConvNeXt': (
        dict(type='ConvNeXt', arch=dict(depths=(1, 1), channels=(8, 16)), out_indices=(0, 1)),
        fpn(8, 16, num_outs=2),
        4,
        2,
    ),
    'PAFPN': (
        RESNET,
        dict(type='PAFPN', in_channels=WIDTHS, out_channels=16, num_outs=4),
        4,
        4,
    ),
    'NASFPN': (
        RESNET,
        dict(type='NASFPN', in_channels=WIDTHS, out_channels=16, num_outs=5, stack_times=1),
        4,
        5,
    ),
    'BFP': (
        RESNET,
        dict(
            type='SequentialNeck',
            necks=[
                fpn(*WIDTHS, num_outs=4),
                dict(type='BFP', in_channels=16, num_levels=4, refine_type='non_local'),
            ],
        ),
        4,
        4,
    ),
    'ChannelMapper': (
        RESNET,
        dict(type='ChannelMapper', in_channels=WIDTHS, out_channels=16),
        4,
        4,
    ),
    'YOLOF': (
        dict(RESNET, out_indices=(3,)),
        dict(
            type='DilatedEncoder',
            in_channels=64,
            out_channels=16,
            block_mid_channels=8,
            num_residual_blocks=2,
            block_dilations=[2, 4],
        ),
        32,
        1,
    ),
    'DyHead': (
        RESNET,
        dict(
            type='SequentialNeck',
            necks=[
                fpn(*WIDTHS, num_outs=4),
                dict(type='DyHead', in_channels=16, out_channels=16, num_blocks=1),
            ],
        ),
        4,
        4,
    ),
}


@pytest.fixture(scope='module')
def retinanet() -> dict:
    """The model dict of the demo's RetinaNet with a head of 16 channels."""
    model = load_config(CONFIGS / 'retinanet/retinanet_demo.py').to_dict()['model']
    model['bbox_head'] |= dict(in_channels=16, feat_channels=16, stacked_convs=1)
    model['data_preprocessor'] |= dict(pad_size_divisor=32)
    return model


@pytest.mark.parametrize('name', CASES)
def test_in_a_detector(name: str, retinanet: dict) -> None:
    backbone, neck, stride, num_levels = CASES[name]
    model = copy.deepcopy({**retinanet, 'backbone': backbone, 'neck': neck})
    strides = [stride * 2**i for i in range(num_levels)]
    model['bbox_head']['anchor_generator'] |= dict(strides=strides)
    detector = build_detector(model)
    check_parts_fit(detector, model)
    outline = outline_of(detector)
    assert FeatmapSizes(outline)(64, 96) == tuple((64 // s, 96 // s) for s in strides)
    counted = measure(outline, (96, 64))
    assert counted.parameters == sum(p.numel() for p in detector.parameters())
    assert all(operations > 0 for _, operations in counted.parts.values())

    without_sync(detector).init_weights()
    optimiser = torch.optim.SGD(detector.parameters(), 1e-3)
    losses = detector.train()(**batch((64, 96), (40, 60)))
    sum(losses.values()).backward()
    optimiser.step()
    untrained = [
        name
        for name, p in detector.named_parameters()
        if p.requires_grad and (p.grad is None or not p.grad.isfinite().all())
    ]
    assert not untrained
    data = batch((64, 96))
    img = detector.eval().data_preprocessor(data['img'], data['img_metas'])
    with torch.no_grad():
        (found,) = detector.predict(img, data['img_metas'])
    assert found['bboxes'].isfinite().all()
