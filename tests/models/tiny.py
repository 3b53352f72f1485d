"""Detectors and heads small enough to build and train in a test.

The base of the SSD has 8 channels: with fewer, torch 2.14.1 writes beyond its memory in the
backward pass of the strided 1x1 convolution, on CPUs with AVX2 and without AVX512.
"""

from __future__ import annotations

import copy
import functools

import torch
from torch import Tensor

from mmlite.config import load_config
from mmlite.models.heads import DenseHead
from mmlite.registry import HEADS
from tests.runs import TINY

NUM_PRIORS = 4 * (4 * 4 + 2 * 2 + 1)  # of tiny_ssd: 4 a cell, at strides 16, 32 and 64

# what the heads of `tiny_head` get for an input of 64 x 96, at strides 8 and 16
FEATS = [torch.rand(2, 8, 8, 12), torch.rand(2, 8, 4, 6)]
META = dict(img_shape=(64, 96, 3), pad_shape=(64, 96, 3), batch_input_shape=(64, 96))
BOXES = [Tensor([[10, 8, 44, 40], [40, 20, 90, 60]]), torch.zeros(0, 4)]
LABELS = [torch.tensor([2, 3]), torch.zeros(0, dtype=torch.int64)]


@functools.cache
def _ssd_of_the_config() -> dict:
    return load_config(TINY).to_dict()['model']


def tiny_ssd(input_size: int | None = None, train_cfg=None, test_cfg=None, **changes) -> dict:
    """The `model` dict: the SSD of tests/tiny_ssd.py at strides 16 to 64, for an input of 64.

    `changes` update the dicts of the parts.
    """
    model = copy.deepcopy(_ssd_of_the_config())
    model['backbone'] |= dict(num_stages=4, out_indices=(2, 3))
    model['neck'] |= dict(in_channels=(32, 64), out_channels=(32, 64, 16))
    model['bbox_head'] |= dict(num_classes=3, in_channels=(32, 64, 16))
    model['bbox_head']['anchor_generator'] |= dict(
        input_size=input_size, strides=[16, 32, 64], min_sizes=[16, 32, 48], max_sizes=[32, 48, 64]
    )
    if train_cfg:
        model['train_cfg'] = train_cfg
    model['test_cfg'] = test_cfg or dict(score_thr=0.02, nms=dict(type='nms', iou_threshold=0.45))
    for part, change in changes.items():
        model[part] = {**model[part], **change}
    return model


def tiny_head(type: str, **arguments) -> DenseHead:
    """A head of 3 classes with one convolution of 8 channels in each tower, the weights drawn."""
    torch.manual_seed(0)
    args = dict(num_classes=3, in_channels=8, stacked_convs=1, feat_channels=8)
    head = HEADS.build({'type': type, **args, **arguments})
    head.init_weights()
    return head


def losses(head: DenseHead, boxes=BOXES, labels=LABELS) -> dict[str, float]:
    """The losses on FEATS; all are finite, and their sum has gone backwards."""
    found = head.loss(FEATS, [META, META], boxes, labels)
    assert all(value.ndim == 0 and value.isfinite() for value in found.values())
    sum(found.values()).backward()
    return {key: value.item() for key, value in found.items()}


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
