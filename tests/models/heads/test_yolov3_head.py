"""YOLOV3Head: what an anchor predicts and has to, and which anchors can be detections."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.heads import YOLOV3Head
from mmlite.registry import HEADS
from tests.models.tiny import BOXES, FEATS, LABELS, META, losses

SUM = dict(type='CrossEntropyLoss', use_sigmoid=True, reduction='sum')
GRID = dict(type='GridAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5)


def build(**changes) -> YOLOV3Head:
    """A head of 3 classes and 2 anchors in a cell, for the maps of FEATS."""
    torch.manual_seed(0)
    args = dict(
        num_classes=3,
        in_channels=[8, 8],
        out_channels=[8, 8],
        anchor_generator=dict(
            type='YOLOAnchorGenerator',
            strides=[8, 16],
            base_sizes=[[(8, 8), (16, 16)], [(32, 32), (48, 48)]],
        ),
        featmap_strides=[8, 16],
        loss_cls=SUM,
        loss_conf=SUM,
        loss_xy=SUM,
        loss_wh=dict(type='MSELoss', reduction='sum'),
        train_cfg=dict(assigner=GRID),
    )
    head = HEADS.build({'type': 'YOLOV3Head', **args, **changes}, at='model.bbox_head')
    head.init_weights()
    return head


def test_outputs_of_all_levels() -> None:
    shapes = {key: tuple(value.shape) for key, value in build()(FEATS).items()}
    # 2 anchors in each of 96 + 24 cells
    assert shapes == dict(
        cls_score=(2, 240, 3),
        bbox_pred=(2, 240, 4),
        objectness=(2, 240),
        centre=(2, 240, 2),
        stride=(1, 240, 1),
    )


def test_a_box_stays_with_its_centre_in_the_cell() -> None:
    head = build()
    with torch.no_grad():
        for conv in head.convs_pred:
            conv.weight.zero_()
            conv.bias.zero_()
            # of the second anchor: sigmoid(log 3) = 3 / 4 of the cell in x, twice as wide
            conv.bias.view(2, 8)[1, :4] = Tensor([math.log(3), 0, math.log(2), 0])
        outs, priors, _ = head.forward_with_priors(FEATS)
    found = head.bbox_coder.decode(priors, outs['bbox_pred'][0])
    # of the first cells: 16 x 16 around (4, 4), which becomes 32 x 16 around (6, 4); and 48 x 48
    # around (8, 8), which becomes 96 x 48 around (12, 8)
    torch.testing.assert_close(found[1], Tensor([-10, -4, 22, 12]))
    torch.testing.assert_close(found[192 + 1], Tensor([-36, -16, 60, 32]))


def test_the_start() -> None:
    bias = build().convs_pred[1].bias.view(2, 8).sigmoid()
    # 8 objects in 38 x 38 cells; every class has a score of 0.01; centres and sides start at 0
    torch.testing.assert_close(bias[:, 4], torch.full((2,), 8 / 38**2))
    torch.testing.assert_close(bias[:, 5:], torch.full((2, 3), 0.01))
    assert (bias[:, :4] == 0.5).all()


def test_losses_and_their_gradients() -> None:
    head = build()
    found = losses(head)
    assert set(found) == {'loss_cls', 'loss_conf', 'loss_xy', 'loss_wh'}
    assert all(value > 0 for value in found.values())
    assert [name for name, p in head.named_parameters() if p.grad is None] == []


def test_losses_by_hand() -> None:
    """One anchor with an object, one background, one ignored."""
    head = build(one_hot_smoother=0.3)
    priors = Tensor([[0, 0, 8, 8], [8, 0, 16, 8], [16, 0, 24, 8]])
    outs = dict(
        cls_score=Tensor([[[0, 2, 0], [9, 9, 9], [9, 9, 9]]]),
        bbox_pred=Tensor([[[0, 0, 0, 1], [9, 9, 9, 9], [9, 9, 9, 9]]]),
        objectness=torch.zeros(1, 3),
        centre=torch.zeros(1, 3, 2),
        stride=torch.full((1, 3, 1), 8.0),
    )
    # 16 x 8 around (6, 4): e times as high as predicted, twice as wide
    matched = Tensor([[[-2, 0, 14, 8], [0, 0, 0, 0], [0, 0, 0, 0]]])
    found = head.loss_terms(outs, priors, torch.tensor([[2, 0, -1]]), matched)
    log2 = math.log(2)
    # a logit of 0 costs log 2 for any target; the class with a logit of 2 has to reach 0.7 + 0.1
    second = 0.8 * math.log1p(math.exp(-2)) + 0.2 * math.log1p(math.exp(2))
    assert found['loss_cls'].item() == pytest.approx(2 * log2 + second)
    assert found['loss_conf'].item() == pytest.approx(2 * log2)  # not of the ignored one
    assert found['loss_xy'].item() == pytest.approx(2 * log2)
    assert found['loss_wh'].item() == pytest.approx(log2**2 + 1)


def test_the_centre_is_learnt_as_a_share_of_the_cell() -> None:
    """Cross entropy is least where the sigmoid is the share: 3 / 4 of a cell of 8 pixels."""
    head = build()
    matched, labels = Tensor([[[2, 0, 10, 8]]]), torch.tensor([[1]])
    outs = dict(cls_score=torch.zeros(1, 1, 3), bbox_pred=torch.zeros(1, 1, 4))
    outs |= dict(objectness=torch.zeros(1, 1), stride=torch.full((1, 1, 1), 8.0))
    centre = Tensor([[[math.log(3), 0]]]).requires_grad_()
    terms = head.loss_terms({**outs, 'centre': centre}, Tensor([[0, 0, 8, 8]]), labels, matched)
    terms['loss_xy'].backward()
    assert centre.grad.abs().max() < 1e-6


def test_without_boxes_only_the_objectness_has_a_loss() -> None:
    none = ([torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2)
    found = losses(build(), *none)
    assert found['loss_cls'] == found['loss_xy'] == found['loss_wh'] == 0 < found['loss_conf']


def test_cells_in_the_padding_of_an_image_are_background() -> None:
    head = build()
    _, priors, counts = head.forward_with_priors(FEATS)
    metas = [META, {**META, 'pad_shape': (64, 48, 3)}]
    labels, _ = head.get_targets(priors, counts, FEATS, metas, BOXES, LABELS, None)
    assert (labels[1] == 0).all()


def test_candidates_have_an_objectness_and_are_the_best_of_all_levels() -> None:
    outs = dict(
        cls_score=Tensor([[[0.9, 0.1, 0.2], [0.8, 0.7, 0.3], [0.6, 0.5, 0.4]]]).logit(),
        objectness=Tensor([[0.004, 0.1, 0.5]]).logit(),
    )
    head = build(test_cfg=dict(conf_thr=0.005, nms_pre=3))
    scores, factor = head.scores_and_factor(outs)
    torch.testing.assert_close(scores, Tensor([[[0, 0, 0], [0.8, 0.7, 0], [0.6, 0, 0]]]))
    torch.testing.assert_close(factor, Tensor([[0.004, 0.1, 0.5]]))
    everything, _ = build(test_cfg=dict(nms_pre=-1)).scores_and_factor(outs)
    torch.testing.assert_close(everything, outs['cls_score'].sigmoid())


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(in_channels=[8]), r'found \[8\], \[8, 8\] and \[8, 16\]'),
        (dict(featmap_strides=[16, 32]), r'strides \[8, 16\]; .* \[8, 8\] and \[16, 32\]'),
        (dict(loss_xy=None), "'loss_xy'"),
        (dict(loss_conf=dict(SUM, reduction='mean')), "loss_conf.reduction: 'sum' is expected"),
        (dict(loss_wh=dict(type='MSELoss')), "loss_wh.reduction: 'sum' is expected, found 'mean'"),
        (dict(loss_wh=dict(type='GIoULoss', reduction='sum')), 'loss_wh: .* compares deltas'),
        (dict(loss_cls=dict(SUM, use_sigmoid=False)), 'loss_cls: YOLOV3Head needs'),
        (dict(loss_xy=dict(SUM, use_sigmoid=False)), 'loss_xy: YOLOV3Head needs'),
    ],
)
def test_arguments_that_do_not_fit(changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(**changes)
