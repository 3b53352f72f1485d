"""Faster R-CNN and Cascade R-CNN as wholes: gradients, odd input, messages."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from mmlite.config import load_config
from mmlite.errors import ConfigError
from mmlite.models import build_detector
from mmlite.models.matching_parts import check_parts_fit

TESTS = Path(__file__).parents[1]
SIDE = 96
BOXES = torch.tensor([[10.0, 12, 40, 44], [50, 20, 90, 60]])


def model_of(name: str, **changes: object) -> dict:
    """`model` of a tiny config, with changes by dotted key."""
    overrides = {f'model.{key.replace("__", ".")}': value for key, value in changes.items()}
    return load_config(TESTS / f'tiny_{name}.py', overrides).to_dict()['model']


@pytest.fixture(params=['faster_rcnn', 'cascade_rcnn'])
def detector(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(0)
    built = build_detector(model_of(request.param))
    built.init_weights()
    return built.train()


def losses(detector: nn.Module, gt_bboxes: list, gt_labels: list) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    img = torch.rand(len(gt_bboxes), 3, SIDE, SIDE)
    found = detector.loss(img, [{}] * len(img), gt_bboxes, gt_labels)
    assert all(value.dim() == 0 and value.isfinite() for value in found.values()), found
    sum(found.values()).backward()
    grads = [p.grad for p in detector.parameters() if p.grad is not None]
    assert all(grad.isfinite().all() for grad in grads)
    return found


def test_every_layer_of_neck_and_heads_learns(detector):
    losses(detector, [BOXES, BOXES[:1]], [torch.tensor([1, 5]), torch.tensor([3])])
    without = [
        name
        for name, p in detector.named_parameters()
        if not name.startswith('backbone.') and (p.grad is None or not p.grad.any())
    ]
    assert without == []


def test_no_gradient_goes_from_the_second_stage_into_the_first(detector):
    torch.manual_seed(1)
    truth = ([BOXES], [torch.tensor([1, 5])])
    found = detector.loss(torch.rand(1, 3, SIDE, SIDE), [{}], *truth)
    sum(value for name, value in found.items() if 'rpn' not in name).backward()
    assert all(p.grad is None for p in detector.rpn_head.parameters())
    assert detector.neck.lateral_convs[0].conv.weight.grad.any()


def test_a_batch_without_objects_learns_background(detector):
    empty = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    found = losses(detector, [empty[0]] * 2, [empty[1]] * 2)
    boxes = {name: value.item() for name, value in found.items() if 'bbox' in name}
    assert set(boxes.values()) == {0.0}, boxes
    assert all(found[name] > 0 for name in found if 'cls' in name)


def test_more_objects_than_rois_are_sampled(detector):
    """3,000 boxes in an image: all join the proposals, 8 of 32 RoIs are positive."""
    corners = torch.rand(3000, 2) * (SIDE - 9)
    many = torch.cat([corners, corners + 8], dim=1)
    losses(detector, [many], [torch.randint(1, 6, (3000,))])


def test_proposals_of_no_size_and_outside_of_the_image_end_as_no_detection(detector):
    """An RPN that sends all boxes far out: clipped to a side of 0, they are no proposals."""
    nn.init.constant_(detector.rpn_head.rpn_reg.bias, 60.0)
    nn.init.zeros_(detector.rpn_head.rpn_reg.weight)
    detector.eval()
    with torch.no_grad():
        [found] = detector.predict(torch.rand(1, 3, SIDE, SIDE), [{}])
    assert found['bboxes'].shape == (0, 4)
    assert found['labels'].dtype == torch.int64
    losses(detector.train(), [BOXES], [torch.tensor([1, 2])])  # the ground truth is left to learn


def test_detections_lie_in_the_image_and_are_sorted(detector):
    detector.eval()
    metas = [dict(img_shape=(80, 90, 3)), dict(img_shape=(SIDE, SIDE, 3))]
    with torch.no_grad():
        found = detector.predict(torch.rand(2, 3, SIDE, SIDE), metas)
    for one, (height, width, _) in zip(found, (meta['img_shape'] for meta in metas), strict=True):
        assert len(one['scores']) <= 50
        assert one['scores'].diff().le(0).all()
        assert one['bboxes'].min() >= 0
        assert one['bboxes'][:, 2].max() <= width
        assert one['bboxes'][:, 3].max() <= height
        assert set(one['labels'].tolist()) <= {1, 2, 3, 4, 5}


def test_one_class():
    built = build_detector(model_of('faster_rcnn', roi_head__bbox_head__num_classes=1)).train()
    losses(built, [BOXES], [torch.tensor([1, 1])])
    assert built.num_classes == 1


def test_the_draws_of_a_step_follow_torchs_seed(detector):
    """What a resume restores is what is drawn from."""
    truth = ([BOXES], [torch.tensor([1, 5])])
    first = losses(detector, *truth)
    assert losses(detector, *truth) == first


# ---- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(train_cfg=dict(assigner=dict(type='MaxIoUAssigner'))), "'rpn' is expected"),
        (
            dict(train_cfg__rcnn=dict(sampler=dict(type='PseudoSampler'))),
            "needs the key 'assigner'",
        ),
        (dict(test_cfg__rpn__nms_per=3), r'model.test_cfg.rpn.nms_per|nms_per'),
        (
            dict(roi_head__bbox_head__reg_decoded_bbox=True),
            'reg_decoded_bbox=False is expected, as SmoothL1Loss compares deltas',
        ),
        (
            dict(roi_head__bbox_head__num_cls_convs=1),
            'convolutions of one branch cannot follow linear layers',
        ),
        (dict(roi_head__bbox_roi_extractor__roi_layer__type='RoiAlign'), "'RoIAlign'"),
    ],
)
def test_a_mistake_is_said_when_the_detector_is_built(changes, message):
    model = model_of('faster_rcnn')
    for key, value in changes.items():
        node, names = model, key.split('__')
        for name in names[:-1]:
            node = node[name]
        node[names[-1]] = value
    with pytest.raises(ConfigError, match=message):
        build_detector(model)


def test_stages_of_a_cascade_with_other_classes():
    model = model_of('cascade_rcnn')
    model['roi_head']['bbox_head'] = copy.deepcopy(model['roi_head']['bbox_head'])
    model['roi_head']['bbox_head'][1]['num_classes'] = 4
    with pytest.raises(ConfigError, match=r'all stages need the same num_classes, found \[4, 5\]'):
        build_detector(model)


def test_a_cascade_with_too_few_of_something():
    model = model_of('cascade_rcnn', roi_head__stage_loss_weights=[1])
    with pytest.raises(ConfigError, match='stage_loss_weights: one for each of the 2 stages'):
        build_detector(model)


@pytest.mark.parametrize(
    ('key', 'value', 'message'),
    [
        ('out_channels', 32, 'out_channels: the maps have 16 channels, found 32'),
        ('featmap_strides', [4, 8, 16], 'a stride of about 8, found 4'),
        ('featmap_strides', [8, 16, 32, 64, 128], 'it gets 4 levels, found 5 strides'),
    ],
)
def test_an_extractor_that_does_not_fit_the_maps(key, value, message):
    model = model_of('faster_rcnn')
    model['roi_head']['bbox_roi_extractor'][key] = value
    with pytest.raises(ConfigError, match=message):
        check_parts_fit(build_detector(model), model)


@pytest.mark.parametrize(('key', 'value'), [('in_channels', 8), ('roi_feat_size', 7)])
def test_a_head_that_does_not_fit_what_is_pooled(key, value):
    model = model_of('faster_rcnn')
    model['roi_head']['bbox_head'][key] = value
    with pytest.raises(ConfigError, match=f'model.roi_head.bbox_head.{key}: .* is expected'):
        check_parts_fit(build_detector(model), model)
