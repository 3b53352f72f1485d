"""The head without priors, with a loss and a prediction of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from examples.own_head.center_head import CenterHead
from mmlite.config import load_config
from mmlite.models import build_detector
from tests.examples.short_run import EXAMPLES, FEW_DRAWN, train_and_test
from tests.runs import cli

CONFIG = EXAMPLES / 'own_head/own_head_demo.py'
META = dict(img_shape=(32, 48, 3), scale_factor=(2.0, 2.0, 2.0, 2.0))
FEATS = [torch.ones(1, 4, 4, 6)]
BOXES, LABELS = [torch.tensor([[12.0, 4.0, 24.0, 20.0]])], [torch.tensor([2])]


def perfect() -> CenterHead:
    """Of its 4 x 6 cells of 8 px one has the object: its middle (18, 12) is in column 2, row 1."""
    head = CenterHead(2, 4, stride=8)

    def maps(feats: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        heat = torch.full((1, 2, 4, 6), -20.0)
        heat[0, 1, 1, 2] = 20.0
        boxes = torch.zeros(1, 24, 4)
        boxes[0, 1 * 6 + 2] = BOXES[0][0]
        return heat, boxes

    head.maps = maps
    return head


def test_it_is_below_60_lines() -> None:
    assert len((EXAMPLES / 'own_head/center_head.py').read_text().splitlines()) < 60


def test_an_object_is_the_cell_of_its_centre() -> None:
    losses = perfect().loss(FEATS, [META], BOXES, LABELS)
    assert losses['loss_bbox'] == 0
    assert losses['loss_cls'] < 1e-6
    # the other class at this cell: -log(sigmoid(-20)) = 20, weighed by alpha = 0.25; the cell of
    # the class that is found is wrong too, with 20 * (1 - alpha)
    other = perfect().loss(FEATS, [META], BOXES, [torch.tensor([1])])
    assert other['loss_cls'].item() == pytest.approx(0.25 * 20 + 0.75 * 20, rel=1e-5)


def test_a_peak_is_a_detection() -> None:
    [found] = perfect().predict(FEATS, [META], rescale=True)
    assert found['labels'].tolist() == [2]
    assert found['bboxes'].tolist() == [[6.0, 2.0, 12.0, 10.0]]  # half of the input's pixels


@pytest.mark.parametrize('num_boxes', [0, 1])
def test_every_weight_gets_a_gradient(num_boxes: int) -> None:
    detector = build_detector(load_config(CONFIG).model).train()
    meta = dict(img_shape=(64, 64, 3), pad_shape=(64, 64, 3))
    boxes = torch.tensor([[8.0, 8.0, 40.0, 40.0]])[:num_boxes]
    losses = detector.loss(torch.rand(1, 3, 64, 64), [meta], [boxes], [LABELS[0][:num_boxes]])
    sum(losses.values()).backward()
    head = detector.bbox_head
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())
    assert head.heat.weight.grad.abs().sum() > 0


def test_trains_tests_and_is_not_exported(tmp_path: Path) -> None:
    out = train_and_test(CONFIG, tmp_path, options=FEW_DRAWN)
    assert out[-1].startswith('pascal_voc/mAP: ')
    ended = cli('export_onnx', CONFIG, tmp_path / 'epoch_1.pth', '--out', tmp_path / 'model.onnx')
    assert ended.status == 2
    assert 'needs the priors of a DenseHead, and CenterHead has none' in ended.err
