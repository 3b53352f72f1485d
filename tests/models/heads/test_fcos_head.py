"""FCOSHead: centerness, what it weighs, and its layers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.heads import FCOSHead
from mmlite.models.heads.fcos_head import centerness_target
from tests.models.tiny import BOXES, FEATS, LABELS, META, losses, tiny_head


def build(**changes) -> FCOSHead:
    args = dict(
        strides=[8, 16],
        regress_ranges=((-1, 30), (30, 1e8)),
        norm_cfg=dict(type='GN', num_groups=2),
    )
    return tiny_head('FCOSHead', **{**args, **changes})


def test_centerness():
    priors = Tensor([[6, 6, 14, 14], [0, 6, 8, 14]])  # points (10, 10) and (4, 10)
    box = Tensor([[0, 0, 20, 20]])
    # in the middle 1; at a fifth of the width (4 / 16) * (10 / 10), of which the root
    target = centerness_target(priors, box.expand(2, -1))
    torch.testing.assert_close(target, Tensor([1, math.sqrt(0.25)]))
    assert centerness_target(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)


def test_outputs_of_all_levels():
    outs = build()(FEATS)
    # one prior in each of 96 + 24 cells
    shapes = {key: tuple(value.shape) for key, value in outs.items()}
    assert shapes == dict(cls_score=(2, 120, 3), bbox_pred=(2, 120, 4), centerness=(2, 120))


def test_each_level_has_a_scale_of_its_own():
    head = build()
    with torch.no_grad():
        first = head(FEATS)['bbox_pred']
        head.scales[1].scale.fill_(3)
        second = head(FEATS)['bbox_pred']
    assert torch.equal(first[:, :96], second[:, :96])
    torch.testing.assert_close(first[:, 96:] * 3, second[:, 96:])


@pytest.mark.parametrize('on_reg', [True, False])
def test_the_tower_that_centerness_comes_from(on_reg):
    head = build(centerness_on_reg=on_reg)
    head(FEATS)['centerness'].sum().backward()
    assert (head.reg_convs[0].conv.weight.grad is not None) == on_reg
    assert (head.cls_convs[0].conv.weight.grad is not None) != on_reg


def test_losses_and_what_they_are_divided_by():
    head = build(loss_bbox=dict(type='GIoULoss'), norm_on_bbox=True)
    # points (4, 4) and (12, 4); each image has one positive
    priors = Tensor([[0, 0, 8, 8], [8, 0, 16, 8]])
    labels = torch.tensor([[1, 0], [0, 2]])
    matched = torch.zeros(2, 2, 4)
    matched[0, 0] = Tensor([0, 0, 8, 8])  # centerness 1
    matched[1, 1] = Tensor([10, 2, 20, 6])  # sides 2, 2, 8, 2: root of 2/8, which is 0.5
    outs = dict(
        cls_score=torch.zeros(2, 2, 3),
        # 4 px each way: the first box exactly; the second becomes 8..16 x 0..8
        bbox_pred=torch.full((2, 2, 4), 0.5),
        centerness=torch.zeros(2, 2),
    )
    found = {k: v.item() for k, v in head.loss_terms(outs, priors, labels, matched).items()}
    # second pair: shared 6 x 4 of 64 + 40 - 24 = 80; the hull 12 x 8 = 96 has 16 empty
    giou_loss = 1 - (24 / 80 - 16 / 96)
    assert found['loss_bbox'] == pytest.approx((1 * 0 + 0.5 * giou_loss) / 1.5, abs=1e-5)
    # p = 1/2 everywhere: 2 there, 10 absent, over 2 positives
    focal = (2 * 0.25 + 10 * 0.75) * 0.25 * math.log(2) / 2
    assert found['loss_cls'] == pytest.approx(focal, rel=1e-5)
    # of p = 1/2 to any target the cross entropy is log 2
    assert found['loss_centerness'] == pytest.approx(math.log(2), rel=1e-5)


@pytest.mark.parametrize('norm_on_bbox', [True, False])
def test_an_image_without_boxes_gives_the_same_loss_dict(norm_on_bbox):
    names = {'loss_cls', 'loss_bbox', 'loss_centerness'}
    head = build(norm_on_bbox=norm_on_bbox)
    none = losses(head, [BOXES[1]] * 2, [LABELS[1]] * 2)
    assert set(none) == set(losses(build(norm_on_bbox=norm_on_bbox))) == names
    assert none['loss_bbox'] == none['loss_centerness'] == 0
    assert all(p.grad is not None for p in head.parameters())


def test_detections_are_ranked_by_class_and_centerness():
    head = build(test_cfg=dict(score_thr=0.4, max_per_img=2))
    outs = dict(
        cls_score=torch.full((1, 120, 3), -9.0),
        bbox_pred=torch.full((1, 120, 4), 1.0),
        centerness=torch.zeros(1, 120),
    )
    outs['cls_score'][0, 5, 0] = 2.0
    outs['cls_score'][0, 50, 1] = 1.0
    outs['centerness'][0, 50] = 4.0
    head.forward = lambda feats: outs
    (found,) = head.predict([feat[:1] for feat in FEATS], [META])
    sigmoid = lambda x: 1 / (1 + math.exp(-x))  # noqa: E731
    assert found['labels'].tolist() == [2, 1]
    expected = [sigmoid(1) * sigmoid(4), sigmoid(2) * 0.5]
    assert found['scores'].tolist() == pytest.approx(expected, rel=1e-5)


def test_another_assigner_by_config():
    atss = build(train_cfg=dict(assigner=dict(type='ATSSAssigner', topk=3)))
    assert losses(atss)['loss_bbox'] > 0


def test_norm_and_bias_in_the_towers():
    default = FCOSHead(num_classes=3, in_channels=8)
    assert default.cls_convs[0].gn.num_groups == 32
    plain = build(norm_cfg=None)
    assert not hasattr(plain.cls_convs[0], 'gn') and plain.cls_convs[0].conv.bias is not None
    assert build().cls_convs[0].conv.bias is None
    assert build(conv_bias=True).cls_convs[0].conv.bias is not None


@torch.no_grad()
def test_scores_are_products_after_the_threshold_or_means_before_it():
    """Class score 1/2 everywhere, centerness 1/5: 0.1 as mmdet has it, sqrt(0.1) = 0.316 else."""
    maps = dict(cls_score=0.0, centerness=math.log(0.25))

    def best(**test_cfg) -> Tensor:
        head = build(test_cfg=test_cfg)
        head.forward = lambda feats: dict(
            cls_score=torch.full((2, 120, 3), maps['cls_score']),
            bbox_pred=torch.ones(2, 120, 4),
            centerness=torch.full((2, 120), maps['centerness']),
        )
        return head.predict(FEATS, [META, META])[0]['scores']

    torch.testing.assert_close(best(score_thr=0.4)[0], torch.tensor(0.1))
    torch.testing.assert_close(
        best(score_thr=0.3, geometric_score=True)[0], torch.tensor(0.1).sqrt()
    )
    assert len(best(score_thr=0.4, geometric_score=True)) == 0


def test_priors_and_coder_of_ones_own():
    prior_generator = dict(type='MlvlPointGenerator', strides=[8, 16], offset=0.0)
    head = build(
        prior_generator=prior_generator,
        norm_on_bbox=True,
        bbox_coder=dict(type='DistancePointBBoxCoder', clip_border=False),
    )
    assert head.prior_generator.base_priors[0].tolist() == [[-4, -4, 4, 4]]
    assert (head.bbox_coder.norm_on_bbox, head.bbox_coder.clip_border) == (True, False)


def test_an_assigner_that_mmdet_ignores_is_refused():
    assigner = dict(type='mmdet.MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)
    with pytest.raises(ConfigError, match=r'train_cfg\.assigner: FCOS assigns by points'):
        build(train_cfg=dict(assigner=assigner))
