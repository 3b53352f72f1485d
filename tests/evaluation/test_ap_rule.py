from __future__ import annotations

import pytest

from mmlite.evaluation import VOCMetric
from mmlite.evaluation.ap_rule import ApRule, headline
from mmlite.evaluation.coco_metric import CocoMetric

FIGURES = {'coco/bbox_mAP_s': 0.1, 'coco/bbox_mAP': 0.4, 'coco/bbox_mAP_50': 0.6}


@pytest.mark.parametrize(
    ('figures', 'save_best', 'name'),
    [
        (FIGURES, None, 'coco/bbox_mAP'),
        (FIGURES, 'auto', 'coco/bbox_mAP'),
        (FIGURES, 'coco/bbox_mAP_50', 'coco/bbox_mAP_50'),
        (FIGURES, ['val_loss', 'coco/bbox_mAP_s'], 'coco/bbox_mAP_s'),
        ({'mine/recall': 0.5, 'mine/f1': 0.5}, None, 'mine/f1'),
        ({}, 'coco/bbox_mAP', None),
    ],
)
def test_the_figure_that_matters(figures: dict, save_best: object, name: str | None) -> None:
    assert headline(figures, save_best) == name


def test_the_rules_of_the_metrics() -> None:
    voc = VOCMetric(iou_thrs=[0.5, 0.75])
    assert voc.ap_rule('mAP') == ApRule((0.5, 0.75), 11)
    assert voc.ap_rule('AP75') == ApRule((0.75,), 11)
    assert voc.ap_rule('recall') is None
    assert VOCMetric(eval_mode='area').ap_rule('mAP') == ApRule((0.5,), 0)
    coco = CocoMetric()
    assert len(coco.ap_rule('bbox_mAP').iou_thrs) == 10
    assert coco.ap_rule('bbox_mAP_75') == ApRule((0.75,), 101)
    assert coco.ap_rule('bbox_AR@100') is None


def test_what_the_tables_show() -> None:
    assert list(VOCMetric().tabulated) == ['mAP', 'AP50']
    assert list(VOCMetric(iou_thrs=[0.5, 0.75]).tabulated) == ['AP50', 'AP75']


def test_in_words() -> None:
    assert str(ApRule()) == 'AP at an IoU of 0.5, as the area under the curve'
    assert str(ApRule((0.5, 0.95), 101)) == 'AP at IoUs from 0.5 to 0.95, read at 101 recalls'
