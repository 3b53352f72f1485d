"""RPNHead: which anchors learn, and which boxes become proposals."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.models.heads import RPNHead
from mmlite.ops.assignment import BACKGROUND, IGNORE, Assignment
from tests.nms_rules import hard

CFG = dict(nms_pre=-1, nms=hard(0.5), max_per_img=-1, min_bbox_size=0, score_thr=0)
IOU = dict(type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3)
META = dict(img_shape=(100, 100, 3))


def rpn(**changes) -> RPNHead:
    """One square anchor of 16 px at each cell of two levels, strides 8 and 16."""
    anchors = dict(type='AnchorGenerator', scales=[2], ratios=[1.0], strides=[8, 16])
    return RPNHead(in_channels=8, feat_channels=8, anchor_generator=anchors, **changes)


def proposals(head: RPNHead, bboxes: Tensor, scores: list[float], num_per_level, **cfg) -> list:
    """What is proposed where these boxes (R, 4) are the priors, which stay where they are."""
    logits = torch.tensor(scores).logit()[None, :, None]  # (R,) -> (1, R, 1)
    outs = dict(cls_score=logits, bbox_pred=torch.zeros(1, len(bboxes), 4))
    [found] = head.propose(outs, bboxes, num_per_level, [META], {**CFG, **cfg})
    assert found['scores'].diff().le(0).all()
    return [bboxes.tolist().index(box) for box in found['bboxes'].tolist()]


A, NEAR_A, B, C = [0.0, 0, 40, 40], [0.0, 0, 40, 44], [50.0, 50, 90, 90], [10.0, 60, 30, 80]


def test_boxes_suppress_each_other_only_within_a_level():
    # the IoU of A and NEAR_A is 1600 / 1760 = 0.91
    boxes, scores = Tensor([A, B, NEAR_A, C]), [0.9, 0.3, 0.8, 0.6]
    assert proposals(rpn(), boxes, scores, [2, 2]) == [0, 2, 3, 1]
    assert proposals(rpn(), boxes, scores, [4, 0]) == [0, 3, 1]


def test_the_best_of_each_level_then_of_all():
    boxes, scores = Tensor([A, B, NEAR_A, C]), [0.9, 0.7, 0.3, 0.6]
    assert proposals(rpn(), boxes, scores, [2, 2], nms_pre=1) == [0, 3]
    assert proposals(rpn(), boxes, scores, [2, 2], max_per_img=3) == [0, 1, 3]


@pytest.mark.parametrize(('least', 'expected'), [(0, [0, 1]), (20, [0]), (19.9, [0, 1])])
def test_proposals_have_sides_above_the_least(least, expected):
    flat = [20.0, 30, 20, 80]  # a width of 0
    assert proposals(rpn(), Tensor([A, C, flat]), [0.5, 0.4, 0.9], [3], min_bbox_size=least) == (
        expected
    )


def test_proposals_reach_the_least_score():
    assert proposals(rpn(), Tensor([A, B, C]), [0.5, 0.4, 0.9], [3], score_thr=0.45) == [2, 0]


def test_the_best_are_known_by_their_logits():
    """The sigmoid of 20 and of 30 is 1 in float32."""
    logits = Tensor([20, 30, 25])[None, :, None]
    assert logits.sigmoid().unique().tolist() == [1]
    outs = dict(cls_score=logits, bbox_pred=torch.zeros(1, 3, 4))
    [found] = rpn().propose(outs, Tensor([A, B, C]), [3], [META], dict(CFG, nms_pre=1))
    assert found['bboxes'].tolist() == [B]


def test_proposals_are_clipped_to_the_image():
    head = rpn()
    outs = dict(cls_score=torch.zeros(1, 2, 1), bbox_pred=torch.zeros(1, 2, 4))
    boxes = Tensor([[-20, 40, 30, 120], [130, 10, 150, 40]])  # the second lies outside
    [found] = head.propose(outs, boxes, [2], [META], CFG)
    assert found['bboxes'].tolist() == [[0, 40, 30, 100]]


@pytest.mark.parametrize(('border', 'expected'), [(-1, 16), (0, 4), (3, 9), (7, 9), (8, 16)])
def test_anchors_that_leave_the_image_are_ignored(border, expected):
    """Anchors of 16 px around 0, 8, 16 and 24 in 32 px: from -8 to 8, 0 to 16, 8 to 24, 16 to 32.

    0 px: from 0 on and ending before 32: two of four in each direction. 3 and 7 px: the last one
    too. 8 px: all.
    """
    head = rpn(train_cfg=dict(assigner=IOU, allowed_border=border))
    feats = [torch.zeros(1, 8, 4, 4), torch.zeros(1, 8, 0, 0)]
    meta = dict(img_shape=(32, 32, 3), pad_shape=(32, 32, 3), batch_input_shape=(32, 32))
    found = head.priors_inside(feats, meta)
    assert (16 if found is None else len(found[0])) == expected


def test_every_class_is_an_object_and_what_is_not_sampled_is_ignored():
    head = rpn(
        train_cfg=dict(
            assigner=IOU,
            sampler=dict(type='RandomSampler', num=4, pos_fraction=0.5),
        )
    )
    indices = torch.tensor([1, 0, 1, BACKGROUND, BACKGROUND, BACKGROUND, IGNORE, BACKGROUND])
    labels, matched = head.gather_targets(
        [Assignment(indices)], [Tensor([A, B])], [torch.tensor([7, 3])]
    )
    assert sorted(labels[0].tolist()) == [-1, -1, -1, -1, 0, 0, 1, 1]
    assert labels[0][6] == -1
    assert matched[0, :2].tolist() == [B, A]


def test_losses_are_divided_by_the_anchors_taken():
    """Two images: 1 + 2 taken, and 0 (counted as 1) + 1: both sums over 3 + 2 = 5."""
    head = rpn()
    labels = torch.tensor([[1, 0, 0, -1], [0, -1, -1, -1]])
    priors = Tensor([A, B, C, A])
    matched = priors.repeat(2, 1, 1)
    outs = dict(cls_score=torch.zeros(2, 4, 1), bbox_pred=torch.full((2, 4, 4), 0.5))
    found = head.loss_terms(outs, priors, labels, matched)
    # 4 anchors with -log(1/2) each
    assert found['loss_rpn_cls'].item() == pytest.approx(4 * 0.6931472 / 5)
    # one anchor whose four deltas are 0.5 off
    assert found['loss_rpn_bbox'].item() == pytest.approx(2.0 / 5)
