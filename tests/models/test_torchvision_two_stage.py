"""torchvision's four Faster R-CNN and mmlite's with the same weights, on the same real picture.

The weights are random: drawn by torchvision, made so uneven that they find things, and saved as
torchvision saves them. Both look at 60 proposals of each level, so that it takes a second and not
ten; the numbers of the configs are compared by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import pytest
import torch
from mmengine.config import Config
from torch import Tensor, nn
from torchvision.models import detection
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.models.detection.image_list import ImageList
from torchvision.models.mobilenetv3 import InvertedResidual

from mmlite.checkpoints.loading import LoadReport, load_checkpoint
from mmlite.config import load_config
from mmlite.models import build_detector
from tests.models.test_torchvision_weights import PICTURE
from tests.runs import CONFIGS

CASES = {
    'r50_fpn': detection.fasterrcnn_resnet50_fpn,
    'r50_fpn_v2': detection.fasterrcnn_resnet50_fpn_v2,
    'mobilenetv3-large_fpn': detection.fasterrcnn_mobilenet_v3_large_fpn,
    'mobilenetv3-large_320_fpn': detection.fasterrcnn_mobilenet_v3_large_320_fpn,
}
FEW = 60  # proposals of a level, and of an image
ALL = 10**6  # more than there are priors to sample from


def config(name: str) -> Config:
    return load_config(CONFIGS / f'faster_rcnn/faster-rcnn_{name}_coco_torchvision.py')


@dataclass
class Pair:
    """Both models with the same weights, and the picture as both networks get it."""

    name: str
    theirs: nn.Module
    ours: nn.Module
    report: LoadReport
    images: ImageList
    meta: dict


@pytest.fixture(scope='module', params=CASES)
def pair(request, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    cfg = config(request.param)
    for proposals in (cfg.model.test_cfg.rpn, cfg.model.train_cfg.rpn_proposal):
        proposals.update(nms_pre=FEW, max_per_img=FEW)
    for stage in ('rpn', 'rcnn'):
        cfg.model.train_cfg[stage].sampler.update(num=ALL, pos_fraction=0.5)
    limits = [f'rpn_{when}_nms_top_n' for when in ('pre', 'post')]
    few = {f'{limit}_{task}': FEW for limit in limits for task in ('train', 'test')}
    theirs = CASES[request.param](weights=None, weights_backbone=None, **few)
    for part in (theirs.rpn, theirs.roi_heads):
        part.fg_bg_sampler = BalancedPositiveNegativeSampler(ALL, 0.5)
    ours = build_detector(cfg.model)
    picture = cv2.resize(cv2.imread(str(PICTURE)), (180, 120))
    img = (torch.from_numpy(picture).permute(2, 0, 1)[None] - 120) / 60
    img = nn.functional.pad(img, (0, 12, 0, 8))  # to 192x128
    meta, images = dict(img_shape=(120, 180, 3)), ImageList(img, [(120, 180)])
    make_uneven(theirs, images, ours)
    file = tmp_path_factory.mktemp('weights') / f'{request.param}.pth'
    torch.save(theirs.state_dict(), file)
    return Pair(request.param, theirs, ours, load_checkpoint(ours, file), images, meta)


@torch.no_grad()
def make_uneven(theirs: nn.Module, images: ImageList, ours: nn.Module) -> None:
    """Draws weights that find things, and gives batch norm the numbers of a trained network."""
    generator = torch.Generator().manual_seed(0)
    (eps,) = {norm.eps for norm in norms_of(ours.backbone)}
    for name, module in theirs.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.8, 1.2, generator=generator)
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.normal_(0, 0.1, generator=generator)
        # the last of a block: else the sums of the shortcuts explode
        if name.endswith('bn3') or isinstance(module, InvertedResidual):
            norms_of(module)[-1].weight.fill_(0.3)
    theirs.eval()
    feats, head = theirs.backbone(images.tensors), theirs.rpn.head
    deep = torch.cat([head.conv(feat).flatten(2) for feat in feats.values()], dim=2)[0].T
    spread(head.cls_logits, deep, 2.0)
    head.cls_logits.bias.sub_(6)  # so that not all of MobileNetV3's 60 best reach the least score
    spread(head.bbox_pred, deep, 0.3)
    proposals, _ = theirs.rpn(images, feats)
    roi_heads = theirs.roi_heads
    pooled = roi_heads.box_head(roi_heads.box_roi_pool(feats, proposals, images.image_sizes))
    spread(roi_heads.box_predictor.cls_score, pooled, 1.2)
    spread(roi_heads.box_predictor.bbox_pred, pooled, 0.5)


def norms_of(module: nn.Module) -> list[nn.Module]:
    return [norm for norm in module.modules() if isinstance(norm, nn.BatchNorm2d)]


def spread(layer: nn.Module, x: Tensor, std: float) -> None:
    """Gives each output of the last layer the mean 0 and this deviation over inputs (n, C)."""
    values = x @ layer.weight.flatten(1).T + layer.bias  # (n, C), (C, K) -> (n, K)
    scale = std / values.std(dim=0)
    layer.weight.mul_(scale.view(-1, *[1] * (layer.weight.dim() - 1)))
    layer.bias.sub_(values.mean(dim=0)).mul_(scale)


def test_every_weight_finds_its_place(pair: Pair) -> None:
    assert pair.report.layout == 'torchvision'
    assert (pair.report.missing, pair.report.unexpected, pair.report.wrong_shape) == ([], [], [])


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64], ids=['float32', 'float64'])
@torch.no_grad()
def test_proposals_and_detections_are_torchvisions(pair: Pair, dtype: torch.dtype) -> None:
    """The picture is padded below and on the right: boxes are clipped to what it covers.

    In float64 it shows that what differs in float32 is rounding. Random weights amplify it: they
    say nearly the same of all RoIs. Of v2 each of the two differs from its own float64 by 7e-6.
    """
    pixels, score = (3e-3, 2e-5 if 'v2' in pair.name else 5e-6)
    if dtype == torch.float64:
        pixels, score = 1e-9, 1e-11
    theirs, ours, images = as_dtype(pair, dtype)
    theirs.eval()
    ours.eval()
    feats, own_feats = theirs.backbone(images.tensors), ours.extract_feat(images.tensors)
    proposals, _ = theirs.rpn(images, feats)
    (own,) = ours.rpn_head.predict(own_feats, [pair.meta])
    assert len(own['bboxes']) > 30
    assert_close(own['bboxes'], proposals[0], pixels)
    found = theirs.roi_heads(feats, proposals, images.image_sizes)[0][0]
    (own,) = ours.roi_head.predict(own_feats, [own['bboxes']], [pair.meta])
    assert len(own['labels']) >= 25 and len(own['labels'].unique()) > 10
    assert torch.equal(own['labels'], found['labels'])
    assert_close(own['bboxes'], found['boxes'], pixels)
    assert_close(own['scores'], found['scores'], score)


def as_dtype(pair: Pair, dtype: torch.dtype) -> tuple[nn.Module, nn.Module, ImageList]:
    images = ImageList(pair.images.tensors.to(dtype), pair.images.image_sizes)
    return pair.theirs.to(dtype), pair.ours.to(dtype), images


def assert_close(own: Tensor, found: Tensor, atol: float) -> None:
    torch.testing.assert_close(own, found, rtol=0, atol=atol)


def test_losses_and_gradients_are_torchvisions(pair: Pair) -> None:
    """Both take all anchors and all RoIs, so nothing that is drawn differs; in float64."""
    theirs, ours, images = as_dtype(pair, torch.float64)
    theirs.train()
    ours.train()
    if not any(norm.training for norm in norms_of(ours.backbone)):
        theirs.backbone.body.eval()  # its norms are frozen only where weights are fetched
    generator = torch.Generator().manual_seed(1)
    corners = torch.rand(5, 2, generator=generator) * 60
    sides = torch.rand(5, 2, generator=generator) * 50 + 10
    bboxes = torch.cat([corners, corners + sides], dim=1).double()
    labels = torch.randint(1, 91, (5,), generator=generator)
    targets = [dict(boxes=bboxes, labels=labels)]
    feats = theirs.backbone(images.tensors)
    proposals, losses = theirs.rpn(images, feats, targets)
    losses |= theirs.roi_heads(feats, proposals, images.image_sizes, targets)[1]
    own = ours.loss(images.tensors, [pair.meta], [bboxes], [labels])
    named = dict(
        loss_rpn_cls='loss_objectness',
        loss_rpn_bbox='loss_rpn_box_reg',
        loss_cls='loss_classifier',
        loss_bbox='loss_box_reg',
    )
    assert set(own) == set(named) and set(losses) == set(named.values())
    for own_name, name in named.items():
        assert losses[name] > 0
        assert own[own_name].item() == pytest.approx(losses[name].item(), rel=1e-6), own_name
    own_grad, grad = (
        torch.autograd.grad(sum(terms.values()), weight)[0]
        for terms, weight in (
            (own, ours.neck.lateral_convs[0].conv.weight),
            (losses, theirs.backbone.fpn.inner_blocks[0][0].weight),
        )
    )
    assert (own_grad - grad).norm() < 1e-6 * grad.norm()


@pytest.mark.parametrize('name', CASES)
def test_the_numbers_of_the_config_are_torchvisions(name: str) -> None:
    with torch.device('meta'):
        theirs = CASES[name](weights=None, weights_backbone=None)
    cfg = config(name).model
    rpn, test, train = theirs.rpn, cfg.test_cfg, cfg.train_cfg
    for task, own in (('testing', test.rpn), ('training', train.rpn_proposal)):
        assert (own.nms_pre, own.max_per_img) == (
            rpn._pre_nms_top_n[task],
            rpn._post_nms_top_n[task],
        )
        assert (own.nms.iou_threshold, own.get('score_thr', 0)) == (
            rpn.nms_thresh,
            rpn.score_thresh,
        )
        assert own.min_bbox_size == rpn.min_size
    heads = theirs.roi_heads
    assert (test.rcnn.score_thr, test.rcnn.nms.iou_threshold, test.rcnn.max_per_img) == (
        heads.score_thresh,
        heads.nms_thresh,
        heads.detections_per_img,
    )
    for own, part in ((train.rpn, rpn), (train.rcnn, heads)):
        matcher, sampler = part.proposal_matcher, part.fg_bg_sampler
        assert (own.assigner.pos_iou_thr, own.assigner.neg_iou_thr) == (
            matcher.high_threshold,
            matcher.low_threshold,
        )
        assert (own.sampler.num, own.sampler.pos_fraction) == (
            sampler.batch_size_per_image,
            sampler.positive_fraction,
        )
    sizes, ratios = cfg.rpn_head.anchor_generator.sizes, cfg.rpn_head.anchor_generator.ratios
    assert tuple(map(tuple, sizes)) == rpn.anchor_generator.sizes
    assert (tuple(ratios),) * len(sizes) == rpn.anchor_generator.aspect_ratios
    (resize,) = [step for step in config(name).test_pipeline if step['type'] == 'Resize']
    assert resize['scale'] == (theirs.transform.max_size, theirs.transform.min_size[0])
