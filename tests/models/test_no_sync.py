"""A training step never makes the host wait for the GPU, shown without one.

Fake tensors have a device, shapes and no values: what needs a value on the host (`.item()`, a
boolean index, `nonzero`) raises. A copy from or to the host, which waits as well, is caught by the
operators that are called. Only the forward pass can be run so; torchvision's GIoU, DIoU and CIoU
losses are the ones here that wait, once.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from mmlite.config import load_config
from mmlite.models import build_detector
from tests.runs import CONFIGS

ATSS = {'model.train_cfg.assigner': dict(type='ATSSAssigner', topk=9)}
SABL = {
    'model.bbox_head': dict(
        type='SABLRetinaHead', num_classes=80, in_channels=256, stacked_convs=1
    ),
    'model.train_cfg.assigner.type': 'ApproxMaxIoUAssigner',
}


class NoCopies(TorchDispatchMode):
    """Raises where numbers move between the host and the device."""

    def __torch_dispatch__(self, func: Callable, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        devices = {t.device.type for t in [*args, out] if isinstance(t, torch.Tensor)}
        if len(devices) > 1 and func.overloadpacket in (
            torch.ops.aten._to_copy,
            torch.ops.aten.copy_,
        ):
            raise AssertionError(f'{func}: a copy between {devices}')
        return out


@pytest.mark.parametrize(
    ('config', 'changes'),
    [
        ('ssd/ssd300_voc.py', {}),
        ('ssd/ssdlite_mobilenetv2_coco.py', {}),
        ('retinanet/retinanet_r18_fpn_1x_coco.py', {}),
        ('retinanet/retinanet_r18_fpn_1x_coco.py', ATSS),
        ('retinanet/retinanet_r18_fpn_1x_coco.py', SABL),
        ('fcos/fcos_r50-caffe_fpn_gn-head_1x_coco.py', {}),
        ('rtmdet/rtmdet_demo.py', {'model.bbox_head.loss_bbox': dict(type='IoULoss')}),
        ('yolox/yolox_demo.py', {}),
    ],
)
def test_no_host_waits_in_targets_and_losses(config: str, changes: dict):
    cfg = load_config(CONFIGS / config, changes)
    side = cfg.model.bbox_head.get('anchor_generator', {}).get('input_size', 256)
    detector = build_detector(cfg.model).train()
    with FakeTensorMode(allow_non_fake_inputs=True):  # the constants of coders and priors
        put_on_fake_gpu(detector)
        img = torch.zeros(2, 3, side, side, device='cuda')
        gt_bboxes = [torch.zeros(n, 4, device='cuda') for n in (3, 0)]
        gt_labels = [torch.ones(n, dtype=torch.int64, device='cuda') for n in (3, 0)]
        ignored = [torch.zeros(n, 4, device='cuda') for n in (1, 0)]
        metas = [dict(pad_shape=(side, side, 3)), dict(pad_shape=(side // 2, side, 3))]

        batch = (img, metas, gt_bboxes, gt_labels, ignored)
        detector.loss(*batch)  # constants are copied once
        with NoCopies():
            losses = detector.loss(*batch)
    assert {loss.device.type for loss in losses.values()} == {'cuda'}


def put_on_fake_gpu(model: nn.Module) -> None:
    """Does what `.to('cuda')` cannot do under fake tensors."""
    for module in model.modules():
        for name, p in module._parameters.items():
            if p is not None:
                fake = torch.zeros(p.shape, device='cuda')
                module._parameters[name] = nn.Parameter(fake, p.requires_grad)
        for name, buffer in module._buffers.items():
            module._buffers[name] = torch.zeros(buffer.shape, dtype=buffer.dtype, device='cuda')


@pytest.mark.parametrize(
    'waits',
    [lambda x: x[x > 0], lambda x: x.sum().item(), lambda x: x.new_tensor([1.0]), torch.Tensor.cpu],
)
def test_what_waits_is_noticed(waits: Callable):
    with FakeTensorMode(), NoCopies():
        x = torch.zeros(4, device='cuda')
        with pytest.raises(Exception, match='aten'):
            waits(x)
