"""The detectors of the benchmark, mmlite's and torchvision's, and a batch for either.

Three have a peer in torchvision. Both train all their layers, and keep batch norm's statistics.
Their models are those of the configs whose files torchvision's weights fit, so that layers and
priors are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models import detection

from mmlite.config import load_config
from mmlite.config.own_files import CONFIGS
from mmlite.models import build_detector

NUM_CLASSES = 20
OBJECTS = 8  # in an image


@dataclass(frozen=True)
class Case:
    """One detector.

    Args:
        config: mmlite's, in `configs/`.
        peer: torchvision's constructor; None where torchvision has no such detector.
        batch_size, side: of the batch, in images and pixels.
        first_label: what the peer calls the first object class: SSD's class 0 is background.
    """

    config: str
    peer: Callable[..., nn.Module] | None
    batch_size: int
    side: int
    first_label: int = 0


CASES = dict(
    ssd300=Case('ssd/ssd300_coco_torchvision.py', detection.ssd300_vgg16, 4, 300, 1),
    retinanet=Case(
        'retinanet/retinanet_r50_fpn_coco_torchvision.py', detection.retinanet_resnet50_fpn, 2, 512
    ),
    fcos=Case('fcos/fcos_r50_fpn_coco_torchvision.py', detection.fcos_resnet50_fpn, 2, 512),
    rtmdet_tiny=Case('rtmdet/rtmdet_tiny_bccd.py', None, 8, 416),
    yolox_tiny=Case('yolox/yolox_tiny_bccd.py', None, 8, 416),
)


@dataclass(frozen=True)
class Batch:
    """Random images with random boxes; what it holds lies on one device.

    Args:
        img: (N, 3, side, side) in [0, 1].
        gt_bboxes: per image (g, 4).
        gt_labels: per image (g,), 1..C.
        first_label: as Case.
    """

    img: Tensor
    gt_bboxes: list[Tensor]
    gt_labels: list[Tensor]
    first_label: int

    @property
    def img_metas(self) -> list[dict]:
        """Per image what a detector reads."""
        shape = (*self.img.shape[2:], 3)
        return [dict(img_shape=shape, pad_shape=shape) for _ in self.img]

    @property
    def targets(self) -> list[dict[str, Tensor]]:
        """The same boxes as torchvision takes them."""
        pairs = zip(self.gt_bboxes, self.gt_labels, strict=True)
        return [dict(boxes=boxes, labels=labels - 1 + self.first_label) for boxes, labels in pairs]


def make_batch(case: Case, device: torch.device) -> Batch:
    """Draws a batch."""
    generator = torch.Generator().manual_seed(0)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    bboxes, labels = [], []
    for _ in range(case.batch_size):
        corner = uniform(OBJECTS, 2) * case.side * 0.6
        size = uniform(OBJECTS, 2) * case.side * 0.35 + 8
        bboxes.append(torch.cat([corner, corner + size], dim=1).to(device))
        drawn = torch.randint(1, NUM_CLASSES + 1, (OBJECTS,), generator=generator)
        labels.append(drawn.to(device))
    img = uniform(case.batch_size, 3, case.side, case.side).to(device)
    return Batch(img, bboxes, labels, case.first_label)


def build_ours(case: Case, device: torch.device) -> nn.Module:
    """Builds mmlite's detector with drawn weights."""
    cfg = load_config(
        CONFIGS / case.config,
        {'model.bbox_head.num_classes': NUM_CLASSES, '+model.backbone.init_cfg': None},
    )
    if 'frozen_stages' in cfg.model.backbone:
        cfg.model.backbone.update(frozen_stages=-1, norm_cfg=dict(type='BN', requires_grad=True))
    torch.manual_seed(0)
    detector = build_detector(cfg.model)
    detector.init_weights()
    return detector.to(device).train()


def build_peer(case: Case, device: torch.device) -> nn.Module:
    """Builds torchvision's detector with drawn weights."""
    size = dict(min_size=case.side, max_size=case.side)
    torch.manual_seed(0)
    peer = case.peer(
        weights=None,
        weights_backbone=None,
        num_classes=NUM_CLASSES + case.first_label,
        **({} if case.peer is detection.ssd300_vgg16 else size),
    )
    return keep_statistics(peer.to(device).train())


def keep_statistics(model: nn.Module) -> nn.Module:
    """Has batch norm use its running statistics, as mmlite's `norm_eval=True` does."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    return model
