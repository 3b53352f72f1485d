"""What is sampled of proposals, from which level it is pooled, what becomes a detection."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.models.roi_heads import BBoxHead, SingleRoIExtractor
from mmlite.models.roi_heads.rois import RoISampler, detections, to_rois
from tests.nms_rules import hard

TRUTH = Tensor([[0, 0, 40, 40], [50, 50, 90, 90]])
LABELS = torch.tensor([4, 2])
# the IoU of the first with TRUTH[0] is 1200 / 1600 = 0.75; the others have none with any
PROPOSALS = Tensor([[0, 0, 30, 40], [100, 0, 120, 20], [0, 100, 30, 130]])
IOU = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.5, match_low_quality=False)


def sample(proposals: Tensor, **sampler):
    cfg = dict(assigner=IOU, sampler=dict(type='RandomSampler', **sampler))
    taken = RoISampler(cfg, 'model.train_cfg.rcnn')
    return taken.sample([proposals], [TRUTH], [LABELS], None, classify=None)


def test_the_ground_truth_is_among_the_rois_and_each_finds_its_box():
    found = sample(PROPOSALS, num=10, pos_fraction=0.5)
    assert found.counts == [5]  # two of the truth and three proposals: fewer than ten
    assert found.rois[:, 0].tolist() == [0] * 5
    rows = sorted(zip(found.labels.tolist(), found.is_truth.tolist(), strict=True))
    assert rows == [(0, False), (0, False), (2, True), (4, False), (4, True)]
    for label, box in zip(found.labels, found.matched, strict=True):
        assert (
            box.tolist() == {0: [0.0] * 4, 4: TRUTH[0].tolist(), 2: TRUTH[1].tolist()}[int(label)]
        )


def test_without_the_ground_truth_only_proposals_count():
    found = sample(PROPOSALS, num=10, pos_fraction=0.5, add_gt_as_proposals=False)
    assert sorted(found.labels.tolist()) == [0, 0, 4]
    assert not found.is_truth.any()


def test_where_there_are_too_few_the_rest_is_ignored():
    """Of five, one with a box (a quarter of 4) and two of background: one place stays empty."""
    found = sample(PROPOSALS, num=4, pos_fraction=0.25)
    assert sorted(found.labels.tolist())[:3] == [-1, 0, 0]
    assert found.counts == [4]


def test_two_equal_boxes_of_two_classes_find_themselves():
    taken = RoISampler(dict(assigner=IOU), 'rcnn')
    taken.sampler = type(taken.sampler)()
    taken.sampler.add_gt_as_proposals = True
    twice = TRUTH[[0, 0]]
    found = taken.sample([PROPOSALS[:1]], [twice], [LABELS], None, classify=None)
    assert found.labels[found.is_truth].tolist() == [4, 2]


def test_proposals_in_an_ignored_box_are_not_background():
    cfg = dict(
        assigner=dict(IOU, ignore_iof_thr=0.5),
        sampler=dict(type='RandomSampler', num=10, pos_fraction=0.5),
    )
    crowd = Tensor([[95, 0, 130, 30]])
    taken = RoISampler(cfg, 'rcnn')
    found = taken.sample([PROPOSALS], [TRUTH], [LABELS], [crowd], classify=None)
    assert (found.labels == 0).sum() == 1


def test_rois_say_of_which_image_they_are():
    rois = to_rois([TRUTH, TRUTH[:0], TRUTH[1:]])
    assert rois[:, 0].tolist() == [0, 0, 2]
    assert torch.equal(rois[:, 1:], TRUTH[[0, 1, 1]])


@pytest.mark.parametrize(
    ('side', 'level'),
    # 56 x 2^k is the first size of level k: 112 of level 1, 224 of level 2, 448 of level 3
    [(1, 0), (55, 0), (111.9, 0), (112, 1), (223, 1), (224, 2), (447, 2), (448, 3), (5000, 3)],
)
def test_a_roi_is_pooled_from_the_level_of_its_size(side, level):
    layer = dict(type='RoIAlign', output_size=7)
    extractor = SingleRoIExtractor(layer, out_channels=4, featmap_strides=[4, 8, 16, 32])
    assert extractor.levels_of(Tensor([[10, 10, 10 + side, 10 + side]])).tolist() == [level]


def test_what_is_pooled_lies_where_the_roi_does_in_its_order():
    """Maps whose cells hold their own column, in pixels: the mean over a cell of the RoI."""
    maps = [
        (torch.arange(256 // stride) * stride + stride / 2).expand(1, 1, 256 // stride, -1).float()
        for stride in (4, 8)
    ]
    extractor = SingleRoIExtractor(dict(type='RoIAlign', output_size=2), 1, [4, 8])
    boxes = Tensor([[64, 64, 192, 192], [16, 16, 48, 48], [32, 0, 160, 128]])  # levels 1, 0, 1
    pooled = extractor(maps, to_rois([boxes]))
    # a RoI from x1 to x2 has cells with their middle at x1 + w/4 and x1 + 3w/4
    assert pooled[:, 0, 0].tolist() == [[96, 160], [24, 40], [64, 128]]


def test_no_rois_give_no_features():
    extractor = SingleRoIExtractor(dict(type='RoIAlign', output_size=2), 3, [4, 8])
    maps = [torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 4, 4)]
    assert extractor(maps, to_rois([TRUTH[:0]])).shape == (0, 3, 2, 2)


def test_each_class_of_a_roi_is_a_detection_with_its_own_box():
    head = BBoxHead(num_classes=2, in_channels=1, roi_feat_size=1)
    deltas = torch.zeros(1, 2, 4)
    deltas[0, 1, 0] = 1.0  # class 2: a tenth (the coder's std) of the width to the right
    cfg = dict(score_thr=0.05, nms=hard(0.5), max_per_img=10, min_bbox_size=-1)
    meta = dict(img_shape=(200, 200, 3), scale_factor=[2.0, 2, 2, 2])
    box = Tensor([[20, 20, 60, 60]])
    args = (head, Tensor([[0.3, 0.6]]), deltas, box, meta, cfg)
    found = detections(*args, rescale=False)
    assert found['labels'].tolist() == [2, 1]
    assert found['bboxes'].tolist() == [[24, 20, 64, 60], [20, 20, 60, 60]]
    halved = detections(*args, rescale=True)
    assert torch.equal(halved['bboxes'], found['bboxes'] / 2)


@pytest.mark.parametrize(('least', 'expected'), [(-1, 2), (0, 1), (29.9, 1), (30, 0)])
def test_detections_have_sides_above_the_least_in_pixels_of_the_input(least, expected):
    """Of a box outside of the image nothing is left; the other one has a height of 30 px."""
    head = BBoxHead(num_classes=1, in_channels=1, roi_feat_size=1)
    cfg = dict(score_thr=0.05, nms=hard(0.5), max_per_img=10, min_bbox_size=least)
    meta = dict(img_shape=(200, 200, 3), scale_factor=[2.0, 2, 2, 2])
    boxes = Tensor([[20, 20, 60, 50], [220, 20, 260, 60]])
    args = (head, Tensor([[0.9], [0.8]]), torch.zeros(2, 1, 4), boxes, meta, cfg)
    assert len(detections(*args, rescale=True)['scores']) == expected


def test_the_losses_of_a_bbox_head_by_hand():
    """Three RoIs, one positive, one background, one ignored; logits of 0 and 2 classes."""
    head = BBoxHead(num_classes=2, in_channels=1, roi_feat_size=1)
    outs = dict(cls_score=torch.zeros(3, 3), bbox_pred=torch.zeros(3, 2, 4))
    boxes = Tensor([[0, 0, 40, 40], [50, 50, 90, 90], [0, 0, 0, 0]])
    matched = Tensor([[4, 0, 44, 40], [0, 0, 0, 0], [0, 0, 0, 0]])
    found = head.loss(outs, boxes, torch.tensor([2, 0, -1]), matched)
    # two RoIs with -log(1/3), over 2
    assert found['loss_cls'].item() == pytest.approx(1.0986123)
    # the centre is 4 of 40 px off, a delta of 0.1 / 0.1 = 1: smooth L1 0.5, over 2
    assert found['loss_bbox'].item() == pytest.approx(0.25)
