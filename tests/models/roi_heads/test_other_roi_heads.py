"""C4, Double-Head and Dynamic R-CNN, beyond what their goldens compare."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.backbones import ResNet
from mmlite.models.roi_heads import ResLayer, SingleRoIExtractor
from tests.golden import load_golden
from tests.models.test_two_stage import model_of

DYNAMIC = dict(iou_topk=2, beta_topk=1, update_iter_interval=2, initial_iou=0.1)


def test_a_res_layer_takes_its_stage_from_a_whole_resnet(tmp_path):
    torch.manual_seed(0)
    resnet = ResNet(depth=18)
    torch.save(resnet.state_dict(), tmp_path / 'resnet.pth')
    init_cfg = dict(type='Pretrained', checkpoint=str(tmp_path / 'resnet.pth'))
    layer = ResLayer(depth=18, norm_cfg=dict(type='BN', requires_grad=False), init_cfg=init_cfg)
    layer.init_weights()
    assert set(layer.state_dict()) == {f'layer4.{key}' for key in resnet.layer4.state_dict()}
    x = torch.rand(2, 256, 4, 4)
    assert torch.equal(layer.eval()(x), resnet.eval().layer4(x))
    assert not layer.train().layer4[0].bn1.training  # norm_eval


def test_a_stage_that_is_not_there():
    with pytest.raises(ConfigError, match='stage 1, 2 or 3 are expected, found 18 and 4'):
        ResLayer(depth=18, stage=4)


def test_a_roi_enlarged_is_pooled_from_its_own_level():
    extractor = SingleRoIExtractor(dict(type='RoIAlign', output_size=1), 1, [1, 2], finest_scale=4)
    feats = [torch.arange(256.0).view(1, 1, 16, 16), torch.full((1, 1, 8, 8), -1.0)]
    roi = Tensor([[0, 4, 4, 8, 8]])  # twice 4 would be of the second level
    assert extractor(feats, roi).item() == extractor(feats, roi, 2.0).item() > 0
    wide = Tensor([[0, 2, 4, 10, 8]])
    assert extractor(feats, wide).item() == pytest.approx(16 * 5.5 + 5.5)


def test_dynamic_rcnn_adapts_as_mmdet_does():
    golden = load_golden('dynamic_rcnn_r18')  # it changes after each step
    model = golden.model.train()
    truth = (golden.gt_bboxes, golden.gt_labels)
    _ = model.loss(golden.img, golden.img_metas, *truth)
    assert model.roi_head.adapted.tolist() == pytest.approx(golden.facts['adapted'], rel=1e-4)
    found = model.loss(golden.img, golden.img_metas, *truth)
    expected = golden.facts['losses_second']
    assert {key: found[key].item() for key in expected} == pytest.approx(expected, rel=1e-4)


def dynamic(**changes) -> dict:
    model = model_of('faster_rcnn')
    model['roi_head'] |= dict(type='DynamicRoIHead')
    model['train_cfg']['rcnn'] |= dict(dynamic_rcnn={**DYNAMIC, **changes})
    return model


def test_what_dynamic_rcnn_learns_is_kept_for_a_resume():
    torch.manual_seed(0)
    detector = build_detector(dynamic())
    detector.init_weights()
    head = detector.train().roi_head
    truth = ([Tensor([[10, 12, 40, 44], [50, 20, 90, 60]])], [torch.tensor([1, 5])])
    img = torch.rand(1, 3, 96, 96)
    before = head.adapted.clone()
    detector.loss(img, [{}], *truth)
    assert head.step.item() == 1
    assert torch.equal(head.adapted, before)  # it changes after two steps
    detector.loss(img, [{}], *truth)
    assert head.step.item() == 0
    # the truth is among the boxes: the second largest IoU is 1
    assert head.adapted.tolist() == [1.0, 1.0]
    names = {name for name in head.RESUMED_BUFFERS if isinstance(getattr(head, name), Tensor)}
    assert names == {'adapted', 'history', 'step'}
    assert not [key for key in detector.state_dict() if key.split('.')[-1] in names]
    # an image without objects has no IoU and no error
    detector.loss(img, [{}], [Tensor(0, 4)], [torch.zeros(0, dtype=torch.long)])
    assert head.history[0, 0] == 0
    assert head.history[0, 1].isnan()


def test_dynamic_rcnn_needs_its_settings():
    model = dynamic()
    without = copy.deepcopy(model)
    del without['train_cfg']['rcnn']['dynamic_rcnn']
    with pytest.raises(ConfigError, match=r"rcnn: DynamicRoIHead needs the key 'dynamic_rcnn'"):
        build_detector(without)
    model['roi_head']['bbox_head'] |= dict(loss_bbox=dict(type='L1Loss'))
    with pytest.raises(ConfigError, match='loss_bbox has to be a SmoothL1Loss, found L1Loss'):
        build_detector(model)


@pytest.mark.parametrize('name', ['faster_rcnn', 'cascade_rcnn'])
def test_masks_are_refused_in_words(name):
    model = model_of(name)
    model['type'] = 'MaskRCNN'
    build_detector(model)  # without a mask head it is a Faster R-CNN
    model['roi_head']['mask_head'] = dict(type='FCNMaskHead')
    with pytest.raises(ConfigError, match='Instead: a config with boxes only, such as faster-rcnn'):
        build_detector(model)


def test_a_sampler_that_asks_for_more_is_for_the_second_stage():
    model = model_of('faster_rcnn')
    model['train_cfg']['rpn']['sampler']['type'] = 'OHEMSampler'
    with pytest.raises(ConfigError, match=r'rpn\.sampler: OHEMSampler is for a second stage'):
        build_detector(model)
