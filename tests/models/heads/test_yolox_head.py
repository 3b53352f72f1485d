"""YOLOXHead: objectness, the L1 loss of the last epochs, and what it finds."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.heads import YOLOXHead
from mmlite.ops.coders import YOLOXBBoxCoder
from tests.models.tiny import BOXES, FEATS, LABELS, META, losses, tiny_head


def build(**changes) -> YOLOXHead:
    args = dict(strides=[8, 16], train_cfg=dict(assigner=dict(type='SimOTAAssigner')))
    return tiny_head('YOLOXHead', **{**args, **changes})


CELLS = Tensor([[0, 0, 8, 8], [8, 0, 16, 8]])


def test_boxes_are_decoded_from_the_corner_of_the_cell() -> None:
    coder = YOLOXBBoxCoder()
    deltas = Tensor([[1, 0.5, 0, math.log(2)], [-2, 0, 0, 0]])
    # centre (8, 4) and sides 8 and 16; centre (8 - 16, 0) and sides of 8, not clipped
    boxes = Tensor([[4, -4, 12, 12], [-12, -4, -4, 4]])
    torch.testing.assert_close(coder.decode(CELLS, deltas, (10, 10)), boxes)
    torch.testing.assert_close(coder.encode(CELLS, boxes), deltas)


def test_outputs_of_all_levels() -> None:
    outs = build()(FEATS)
    # one prior in each of 96 + 24 cells
    shapes = {key: tuple(value.shape) for key, value in outs.items()}
    assert shapes == dict(cls_score=(2, 120, 3), bbox_pred=(2, 120, 4), objectness=(2, 120))


@pytest.mark.parametrize('use_depthwise', [False, True])
def test_losses_and_their_gradients(use_depthwise: bool) -> None:
    head = build(use_depthwise=use_depthwise)
    assert set(losses(head)) == {'loss_cls', 'loss_bbox', 'loss_obj'}
    head.use_l1 = True  # what YOLOXModeSwitchHook does
    assert set(losses(head)) == {'loss_cls', 'loss_bbox', 'loss_obj', 'loss_l1'}
    assert [name for name, p in head.named_parameters() if p.grad is None] == []
    assert head.multi_level_conv_obj[1].bias.item() == pytest.approx(-math.log(99))  # score 0.01


def test_losses_by_hand() -> None:
    """Two cells with an object and one without; one positive is 8 pixels off in x."""
    head = build()
    head.use_l1 = True
    cells = torch.cat([CELLS, Tensor([[16, 0, 24, 8]])])
    outs = dict(
        cls_score=torch.zeros(1, 3, 3),
        bbox_pred=Tensor([[[0, 0, 0, 0], [1, 0, 0, 0], [9, 9, 9, 9]]]),
        objectness=torch.zeros(1, 3),
    )
    labels, quality = torch.tensor([[1, 2, 0]]), Tensor([[1, 0, 0]])
    matched = Tensor([[[-4, -4, 4, 4], [4, -4, 12, 4], [0, 0, 0, 0]]])
    found = head.loss_terms(outs, cells, labels, matched, quality)
    log2 = math.log(2)
    # cross entropy of a score of 0.5 is log 2 for any target: 2 cells of 3 classes, 3 of objectness
    assert found['loss_cls'].item() == pytest.approx(6 * log2 / 2)
    assert found['loss_obj'].item() == pytest.approx(3 * log2 / 2)
    # IoU 1, and 0 for 12..20 of 4..12: 5 * (0 + 1) / 2; L1: 8 pixels are one stride
    assert found['loss_bbox'].item() == pytest.approx(2.5)
    assert found['loss_l1'].item() == pytest.approx(0.5)


def test_without_boxes_only_the_objectness_has_a_loss() -> None:
    none = ([torch.zeros(0, 4)] * 2, [torch.zeros(0, dtype=torch.int64)] * 2)
    found = losses(build(), *none)
    assert found['loss_cls'] == found['loss_bbox'] == 0 < found['loss_obj']


def test_cells_in_the_padding_of_an_image_are_background() -> None:
    head = build()
    outs, priors, counts = head.forward_with_priors(FEATS)
    metas = [META, {**META, 'pad_shape': (64, 48, 3)}]
    found = head.predictions(outs, priors)
    labels, *_ = head.get_targets(priors, counts, FEATS, metas, BOXES, LABELS, None, found)
    assert (labels >= 0).all()


def test_the_assigner_compares_the_root_of_class_times_objectness() -> None:
    head = build()
    outs = dict(
        cls_score=Tensor([[[0.5, 0.2, 0.9]]]).logit(),
        bbox_pred=torch.zeros(1, 1, 4),
        objectness=Tensor([[0.5]]).logit(),
    )
    found = head.predictions(outs, CELLS[:1])
    torch.testing.assert_close(found.scores, Tensor([[[0.25, 0.1, 0.45]]]).sqrt())
    assert found.bboxes.tolist() == [[[-4, -4, 4, 4]]]


def test_a_cell_gives_its_best_class_only() -> None:
    outs = dict(
        cls_score=Tensor([[[0.8, 0.6, 0.1], [0.1, 0.2, 0.3]]]).logit(),
        objectness=Tensor([[0.5, 0.5]]).logit(),
    )
    scores, factor = build().scores_and_factor(outs)
    torch.testing.assert_close(scores, Tensor([[[0.4, 0, 0], [0, 0, 0.15]]]))
    assert factor is None


def test_no_detection_is_cut_off_unless_the_config_says_so() -> None:
    cfg = build(test_cfg=dict(score_thr=0.01)).test_cfg
    assert (cfg['max_per_img'], cfg['nms_pre'], cfg['score_thr']) == (-1, -1, 0.01)
    assert build(test_cfg=dict(max_per_img=10)).test_cfg['max_per_img'] == 10


def test_a_loss_is_a_sum() -> None:
    cross_entropy = dict(type='CrossEntropyLoss', use_sigmoid=True)
    build(loss_obj=dict(cross_entropy, reduction='sum'))
    with pytest.raises(ConfigError, match=r"loss_cls.reduction: 'sum' is expected, found 'mean'"):
        build(loss_cls=dict(cross_entropy, reduction='mean'))
