"""RetinaHead: one pair of towers for all levels, and what assignment by config means."""

from __future__ import annotations

import math

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.heads import RetinaHead
from tests.models.tiny import BOXES, FEATS, LABELS, losses, tiny_head

STRIDES = [8, 16]
ANCHORS = dict(
    type='AnchorGenerator',
    octave_base_scale=4,
    scales_per_octave=1,
    ratios=[0.5, 1.0, 2.0],
    strides=STRIDES,
)
MAX_IOU = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)


def build(**changes) -> RetinaHead:
    args = dict(anchor_generator=ANCHORS, train_cfg=dict(assigner=MAX_IOU))
    return tiny_head('RetinaHead', **{**args, **changes})


def test_defaults_are_the_papers():
    head = RetinaHead(num_classes=80, in_channels=256)
    assert head.prior_generator.num_priors_per_location == [9] * 5
    assert len(head.cls_convs) == len(head.reg_convs) == 4
    assert head.retina_cls.weight.shape == (720, 256, 3, 3)
    assert head.retina_reg.weight.shape == (36, 256, 3, 3)


def test_outputs_of_all_levels():
    outs = build()(FEATS)
    # 3 anchors in each of 96 + 24 cells
    assert outs['cls_score'].shape == (2, 360, 3) and outs['bbox_pred'].shape == (2, 360, 4)


def test_every_class_starts_at_a_hundredth():
    head = build()
    assert head.retina_cls.bias.sigmoid().tolist() == pytest.approx([0.01] * 9)
    assert head.retina_reg.bias.tolist() == [0] * 12
    scores = head.loss_cls.scores(head(FEATS)['cls_score'])
    assert (scores - 0.01).abs().max() < 0.002


def test_an_image_without_boxes_gives_the_same_loss_dict():
    some = losses(build())
    head = build()
    none = losses(head, [BOXES[1]] * 2, [LABELS[1]] * 2)
    assert set(some) == set(none) == {'loss_cls', 'loss_bbox'}
    assert none['loss_bbox'] == 0 and some['loss_bbox'] > 0
    # 0.75 * 0.01^2 * -log(0.99) for each of 2 * 360 * 3 scores, over 1 for each of two images
    each = 0.75 * 0.01**2 * -math.log(0.99)
    assert none['loss_cls'] == pytest.approx(2 * 360 * 3 * each / 2, rel=0.05)
    # and each parameter a gradient, so that processes of a distributed run agree on what to share
    assert all(p.grad is not None for p in head.parameters())


def test_assignment_is_a_choice_of_the_config():
    atss = losses(build(train_cfg=dict(assigner=dict(type='ATSSAssigner', topk=3))))
    assert atss['loss_bbox'] > 0 and atss != losses(build())


@pytest.mark.parametrize('loss', ['IoULoss', 'GIoULoss', 'DIoULoss', 'CIoULoss', 'SmoothL1Loss'])
def test_the_box_loss_is_a_choice_of_the_config(loss):
    assert losses(build(loss_bbox=dict(type=loss)))['loss_bbox'] > 0


def test_softmax_has_its_background_last_in_the_weights_and_first_in_the_scores():
    head = build(loss_cls=dict(type='CrossEntropyLoss'))
    assert head.retina_cls.out_channels == 3 * 4
    with torch.no_grad():
        head.retina_cls.weight.zero_()
        head.retina_cls.bias.copy_(torch.tensor([1.0, 2, 3, 0] * 3))
    assert head(FEATS)['cls_score'][0, 0].tolist() == [0, 1, 2, 3]
    assert losses(head)['loss_cls'] > 0


def test_norm_layers_in_the_towers():
    keys = build(norm_cfg=dict(type='GN', num_groups=2)).state_dict()
    assert {'cls_convs.0.gn.weight', 'reg_convs.0.gn.weight'} <= set(keys)
    assert 'cls_convs.0.conv.bias' not in keys


def test_levels_share_the_towers_so_they_need_equal_numbers_of_anchors():
    generator = dict(
        type='SSDAnchorGenerator', strides=[8, 16], ratios=[[2], [2, 3]], min_sizes=[8, 16],
        max_sizes=[16, 32],
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r'equal numbers of anchors; found \[4, 6\]'):
        build(anchor_generator=generator)


def test_hundreds_of_boxes_in_an_image():
    corners = torch.rand(400, 2) * torch.tensor([60.0, 40.0])
    boxes = torch.cat([corners, corners + 4 + torch.rand(400, 2) * 20], dim=1)
    labels = torch.randint(1, 4, (400,))
    assert losses(build(), [boxes, boxes], [labels, labels])['loss_bbox'] > 0


def test_a_subclass_written_for_mmlite_0_1_may_pass_all_by_position() -> None:
    """The order is that of 0.1, ..., anchor_generator, bbox_coder, two losses, two dicts."""
    coder = dict(type='DeltaXYWHBBoxCoder', target_stds=(0.1, 0.1, 0.2, 0.2))
    losses = dict(type='FocalLoss', gamma=1.0), dict(type='SmoothL1Loss')
    with pytest.warns(FutureWarning, match='RetinaHead: pass stacked_convs, '):
        head = RetinaHead(3, 8, 1, 4, None, None, coder, *losses, None, dict(nms_pre=7))
    assert (head.loss_cls.gamma, type(head.loss_bbox).__name__) == (1.0, 'SmoothL1Loss')
    assert (len(head.cls_convs), head.test_cfg['nms_pre']) == (1, 7)
