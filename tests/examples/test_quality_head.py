"""The head with a branch of its own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from examples.quality_head.quality_head import QualityHead
from mmlite.registry import HEADS
from tests.examples.short_run import EXAMPLES, FEW_DRAWN, train_and_test
from tests.runs import cli, scalars

CONFIG = EXAMPLES / 'quality_head/quality_demo.py'


ANCHORS = dict(type='AnchorGenerator', scales=[1], ratios=[1.0], strides=[32])


@pytest.fixture
def head() -> QualityHead:
    """One anchor of 32 x 32 px in each cell of 32 px, one class."""
    assigner = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)
    return HEADS.build(
        dict(
            type='QualityHead',
            num_classes=1,
            in_channels=4,
            stacked_convs=0,
            feat_channels=4,
            anchor_generator=ANCHORS,
            train_cfg=dict(assigner=assigner),
            test_cfg=dict(score_thr=0.0, nms_pre=-1),
        ),
        at='head',
    )


def test_without_a_tower_it_takes_the_channels_of_the_neck() -> None:
    wide = QualityHead(1, 8, stacked_convs=0, feat_channels=4, anchor_generator=ANCHORS)
    assert wide.retina_quality.in_channels == wide.retina_reg.in_channels == 8


def test_trains_and_tests(tmp_path: Path) -> None:
    out = train_and_test(CONFIG, tmp_path, options=FEW_DRAWN)
    assert out[-1].startswith('pascal_voc/mAP: ')
    assert all('loss_quality' in line for line in scalars(tmp_path)[:2])


def test_a_misspelt_head_suggests_this_one(tmp_path: Path) -> None:
    wrong = ['--work-dir', tmp_path, '--cfg-options', 'model.bbox_head.type=QualtyHead']
    ended = cli('train', CONFIG, *wrong)
    assert ended.status == 2
    assert "model.bbox_head: type 'QualtyHead' is not in the registry 'head'" in ended.err
    assert "Did you mean 'QualityHead'" in ended.err


def test_the_branch_learns_the_overlap_of_the_predicted_box(head: QualityHead) -> None:
    """Deltas of 0: each box is its anchor. The object is the anchor's left 24 columns of 32."""
    priors = torch.tensor([[0.0, 0.0, 32.0, 32.0], [32.0, 0.0, 64.0, 32.0]])
    outs = dict(
        cls_score=torch.zeros(1, 2, 1), bbox_pred=torch.zeros(1, 2, 4), quality=torch.zeros(1, 2)
    )
    outs['quality'][0, 0] = 2.0
    labels = torch.tensor([[1, 0]])
    matched = torch.tensor([[[0.0, 0.0, 24.0, 32.0], [0.0, 0.0, 0.0, 0.0]]])
    loss = head.loss_terms(outs, priors, labels, matched)['loss_quality']
    p = 1 / (1 + math.exp(-2))
    # IoU 24 / 32 = 0.75; the prior without an object does not count
    assert loss.item() == pytest.approx(-0.75 * math.log(p) - 0.25 * math.log(1 - p), rel=1e-5)


def test_the_overlap_is_no_way_for_gradients_into_the_boxes(head: QualityHead) -> None:
    feats = [torch.randn(1, 4, 2, 2)]
    metas = [dict(pad_shape=(64, 64, 3), batch_input_shape=(64, 64), img_shape=(64, 64, 3))]
    gts = ([torch.tensor([[0.0, 0.0, 32.0, 32.0]])], [torch.tensor([1])])
    head.loss(feats, metas, *gts)['loss_quality'].backward()
    assert head.retina_quality.weight.grad.abs().sum() > 0
    assert head.retina_reg.weight.grad is None


def test_scores_are_class_score_times_quality(head: QualityHead) -> None:
    for conv, bias in ((head.retina_cls, 0.0), (head.retina_quality, math.log(3))):
        torch.nn.init.zeros_(conv.weight)
        torch.nn.init.constant_(conv.bias, bias)
    meta = dict(img_shape=(64, 64, 3))
    [found] = head.eval().predict([torch.zeros(1, 4, 2, 2)], [meta])
    # sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4
    assert found['scores'].tolist() == pytest.approx([0.375] * 4)
