"""torchvision's detectors and mmlite's with the same weights, on the same real picture.

The weights are random: drawn by torchvision, made so uneven that they find things, and saved as
torchvision saves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import box_iou

from mmlite.checkpoints.loading import LoadReport, load_checkpoint
from mmlite.config import load_config
from mmlite.datasets.transforms import Compose
from mmlite.models import build_detector
from mmlite.parallel import collate, scatter
from tests.runs import CONFIGS

CASES = {
    'ssd300': ('ssd/ssd300_coco_torchvision.py', detection.ssd300_vgg16),
    'retinanet': (
        'retinanet/retinanet_r50_fpn_coco_torchvision.py',
        detection.retinanet_resnet50_fpn,
    ),
    'retinanet_v2': (
        'retinanet/retinanet_r50_fpn_v2_coco_torchvision.py',
        detection.retinanet_resnet50_fpn_v2,
    ),
    'fcos': ('fcos/fcos_r50_fpn_coco_torchvision.py', detection.fcos_resnet50_fpn),
}
PICTURE = Path(__file__).parents[1] / 'data/images/BloodImage_00000.jpg'
SCALE = (480, 360)  # (longest, shortest) side where the size is not fixed: 3/4 of the picture's


@dataclass
class Pair:
    """Both models with the same weights, and the picture as it is loaded for ours."""

    name: str
    theirs: nn.Module
    ours: nn.Module
    report: LoadReport
    batch: dict  # what scatter gives
    img: Tensor  # (1, 3, H, W), normalised: the input of our network
    gt_bboxes: Tensor
    gt_labels: Tensor


@pytest.fixture(scope='module', params=CASES)
def pair(request, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    config, builder = CASES[request.param]
    cfg = load_config(CONFIGS / config)
    sizes = {} if request.param == 'ssd300' else dict(min_size=SCALE[1], max_size=SCALE[0])
    theirs = builder(weights=None, weights_backbone=None, **sizes)
    ours = build_detector(cfg.model)
    batch = loaded(cfg.test_dataloader.dataset.pipeline, resized=bool(sizes))
    metas = [dict(meta) for meta in batch['img_metas']]
    img = ours.data_preprocessor(batch['img'], metas)
    make_uneven(theirs, img, eps=ours_eps(ours))
    file = tmp_path_factory.mktemp('weights') / f'{request.param}.pth'
    torch.save(theirs.state_dict(), file)
    report = load_checkpoint(ours, file)
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand(7, 2, generator=generator) * 200
    sides = torch.rand(7, 2, generator=generator) * 90 + 9
    return Pair(
        request.param,
        theirs,
        ours,
        report,
        batch,
        img,
        torch.cat([corners, corners + sides], dim=1),
        torch.randint(1, 91, (7,), generator=generator),
    )


def loaded(pipeline: list[dict], resized: bool) -> dict:
    steps = [dict(step) for step in pipeline]
    for step in steps:
        if resized and step['type'] == 'Resize':
            step['scale'] = SCALE
    sample = Compose(steps)(dict(filename=str(PICTURE), img_id=0))
    return scatter(collate([sample]), torch.device('cpu'))


def ours_eps(ours: nn.Module) -> float | None:
    norms = [m for m in ours.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    return norms[0].eps if norms else None


@torch.no_grad()
def make_uneven(model: nn.Module, img: Tensor, eps: float | None) -> None:
    """Draws weights that find things, and gives batch norm the numbers of a trained network."""
    generator = torch.Generator().manual_seed(0)
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.8, 1.2, generator=generator)
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.normal_(0, 0.1, generator=generator)
        if name.endswith('bn3'):  # the last of a block: else the sums of the shortcuts explode
            module.weight.fill_(0.3)
    model.eval()
    outs = model.head(list(model.backbone(img).values()))
    for name, layer, spread in last_layers(model.head):
        # every class as likely as the others, and the boxes near their priors
        values = outs[name].flatten(0, 1)
        scale = spread / values.std(dim=0)
        layer.weight.unflatten(0, (-1, len(scale))).mul_(scale[:, None, None, None])
        bias = layer.bias.view(-1, len(scale))
        bias.sub_(values.mean(dim=0)).mul_(scale)
    if hasattr(model.head.classification_head, 'cls_logits'):
        if hasattr(model.head.regression_head, 'bbox_ctrness'):
            model.head.regression_head.bbox_reg.bias.add_(2)  # distances in strides, not below 0
        bias = model.head.classification_head.cls_logits.bias.view(-1, 91)
        bias.sub_(3)[:, 0] = -100  # trained weights never find the background


def last_layers(head: nn.Module) -> list[tuple[str, nn.Module, float]]:
    """(output, layer, how far its values shall spread) of the layers that predict."""
    classes, boxes = head.classification_head, head.regression_head
    if hasattr(classes, 'module_list'):
        layers = [('cls_logits', layer, 1.0) for layer in classes.module_list]
        return layers + [('bbox_regression', layer, 1.0) for layer in boxes.module_list]
    layers = [('cls_logits', classes.cls_logits, 1.0), ('bbox_regression', boxes.bbox_reg, 0.5)]
    if hasattr(boxes, 'bbox_ctrness'):  # FCOS
        layers.append(('bbox_ctrness', boxes.bbox_ctrness, 1.0))
    return layers


def test_every_weight_finds_its_place(pair: Pair) -> None:
    assert pair.report.layout == 'torchvision'
    assert (pair.report.missing, pair.report.unexpected, pair.report.wrong_shape) == ([], [], [])


@torch.no_grad()
def torchvision_detections(model: nn.Module, img: Tensor) -> dict[str, Tensor]:
    """What torchvision finds in a network input, without its own resize and normalisation."""
    size = tuple(img.shape[-2:])
    feats = list(model.backbone(img).values())
    outs = model.head(feats)
    anchors = model.anchor_generator(ImageList(img, [size]), feats)
    if not isinstance(model, detection.ssd.SSD):
        counts = [f.shape[-2] * f.shape[-1] for f in feats]
        total = outs['cls_logits'].shape[1]
        per_level = [count * (total // sum(counts)) for count in counts]
        outs = {name: list(value.split(per_level, dim=1)) for name, value in outs.items()}
        anchors = [list(a.split(per_level)) for a in anchors]
    return model.postprocess_detections(outs, anchors, [size])[0]


def test_the_detections_are_torchvisions(pair: Pair) -> None:
    """480 pixels have 4 cells of stride 128: the anchors there show whose strides they are."""
    pair.theirs.eval()
    pair.ours.eval()
    theirs = torchvision_detections(pair.theirs, pair.img)
    with torch.no_grad():
        ours = pair.ours.predict(pair.img, [{}])[0]
    assert len(theirs['scores']) == pair.ours.bbox_head.test_cfg['max_per_img']
    assert len(theirs['labels'].unique()) > 10
    torch.testing.assert_close(ours['scores'], theirs['scores'], rtol=1e-4, atol=1e-4)
    # by box and label, not by rank: scores that differ by 1e-7 may change places
    far = (ours['bboxes'][:, None] - theirs['boxes']).abs().amax(dim=2)
    far[ours['labels'][:, None] != theirs['labels']] = torch.inf
    nearest, partner = far.min(dim=1)
    assert len(partner.unique()) == len(partner)
    assert nearest.max() < 1e-5 * max(pair.img.shape)  # pixels
    torch.testing.assert_close(ours['scores'], theirs['scores'][partner], rtol=1e-4, atol=1e-4)


def test_the_losses_are_torchvisions_where_they_are_the_same(pair: Pair) -> None:
    frozen = pair.ours.backbone.norm_eval if hasattr(pair.ours.backbone, 'norm_eval') else False
    for model in (pair.theirs, pair.ours):
        model.train(not frozen)
    pair.theirs.training = True
    target = dict(boxes=pair.gt_bboxes, labels=pair.gt_labels)
    transform, pair.theirs.transform = pair.theirs.transform, AsItIs()
    theirs = pair.theirs([pair.img[0]], [target])
    pair.theirs.transform = transform
    ours = pair.ours.loss(pair.img, [{}], [pair.gt_bboxes], [pair.gt_labels])
    named = dict(classification='loss_cls', bbox_regression='loss_bbox')
    if pair.name == 'fcos':  # here the box loss is weighed by the centerness, as in mmdet
        named = dict(classification='loss_cls', bbox_ctrness='loss_centerness')
    for name, own_name in named.items():
        assert ours[own_name].item() == pytest.approx(theirs[name].item(), rel=1e-4), own_name


@torch.no_grad()
def test_from_the_file_only_the_resize_differs(pair: Pair) -> None:
    """torchvision resizes float pixels, OpenCV whole numbers: the input differs by rounding.

    Where a side does not come out whole, torchvision rounds it down, and mmlite to the nearest.
    """
    pair.theirs.eval()
    pair.ours.eval()
    rgb = cv2.imread(str(PICTURE))[..., ::-1].copy()
    picture = torch.from_numpy(rgb).permute(2, 0, 1) / 255
    images, _ = pair.theirs.transform([picture])
    assert images.tensors.shape == pair.img.shape
    grey = (images.tensors - pair.img).abs() * pair.ours.data_preprocessor.std
    assert grey.mean() < 0.3 and grey.max() < 2.5, (grey.mean(), grey.max())

    theirs = pair.theirs([picture])[0]
    ours = pair.ours(**pair.batch, return_loss=False)[0]
    best = slice(50)
    same = ours['labels'] == theirs['labels'][best, None]
    near = (theirs['scores'][best, None] - ours['scores']).abs() < 0.03
    met = ((box_iou(theirs['boxes'][best], ours['bboxes']) > 0.9) & same & near).any(dim=1)
    assert met.float().mean() >= 0.9, met.float().mean()


class AsItIs(nn.Module):
    """In the place of torchvision's transform: the input is the network's already."""

    def forward(self, images: list[Tensor], targets: list[dict]) -> tuple[ImageList, list[dict]]:
        return ImageList(torch.stack(images), [tuple(images[0].shape[-2:])]), targets
