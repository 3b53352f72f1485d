"""A detector small enough to build and train in a test: SSD on a thin ResNet-18, input of 64.

Its base has 8 channels: with fewer, torch 2.14.1 writes beyond its memory in the backward pass of
the strided 1x1 convolution, on CPUs with AVX2 and without AVX512.
"""

from __future__ import annotations

import torch
from torch import Tensor

NUM_PRIORS = 4 * (4 * 4 + 2 * 2 + 1)  # 4 a cell, at strides 16, 32 and 64


def tiny_ssd(input_size: int | None = None, train_cfg=None, test_cfg=None, **changes) -> dict:
    """The `model` dict; `changes` update the dicts of the parts."""
    model = dict(
        type='SingleStageDetector',
        data_preprocessor=dict(
            type='DetDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
        ),
        backbone=dict(
            type='ResNet', depth=18, base_channels=8, out_indices=(2, 3), norm_eval=False
        ),
        neck=dict(
            type='SSDNeck',
            in_channels=(32, 64),
            out_channels=(32, 64, 16),
            level_strides=(2,),
            level_paddings=(1,),
            l2_norm_scale=None,
        ),
        bbox_head=dict(
            type='SSDHead',
            num_classes=3,
            in_channels=(32, 64, 16),
            anchor_generator=dict(
                type='SSDAnchorGenerator',
                input_size=input_size,
                strides=[16, 32, 64],
                ratios=[[2], [2], [2]],
                min_sizes=[16, 32, 48],
                max_sizes=[32, 48, 64],
            ),
            bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
        ),
        train_cfg=train_cfg
        or dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5)),
        test_cfg=test_cfg or dict(score_thr=0.02, nms=dict(type='nms', iou_threshold=0.45)),
    )
    for part, change in changes.items():
        model[part] = {**model[part], **change}
    return model


def batch(*shapes: tuple[int, int]) -> dict:
    """A drawn batch as `scatter` leaves it: images of `shapes` (h, w), a box and a label each."""
    height, width = (max(side) for side in zip(*shapes, strict=True))
    img = torch.zeros(len(shapes), 3, height, width)
    for i, (h, w) in enumerate(shapes):
        img[i, :, :h, :w] = torch.rand(3, h, w) * 255
    return dict(
        img=img,
        img_metas=[dict(img_shape=(*shape, 3), pad_shape=(*shape, 3)) for shape in shapes],
        gt_bboxes=[Tensor([[4.0, 4.0, 28.0, 30.0]]) for _ in shapes],
        gt_labels=[torch.tensor([1 + i % 3]) for i in range(len(shapes))],
    )
