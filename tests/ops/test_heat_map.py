"""Peaks of objects: radii, maps, targets and the way back, with numbers by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torchvision.ops import box_iou

from mmlite.ops.heat_map import (
    center_targets,
    decode_peaks,
    draw_peaks,
    gaussian_radius,
    local_maxima,
)


@pytest.mark.parametrize('sides', [(10.0, 20.0), (7.0, 7.0), (100.0, 3.0)])
def test_a_radius_keeps_the_overlap(sides: tuple[float, float]) -> None:
    (w, h), r = sides, gaussian_radius(torch.tensor([sides]), 0.3).item()
    box = torch.tensor([[0, 0, w, h]])
    moved = torch.tensor([[r, r, w + r, h + r], [r, r, w - r, h - r], [-r, -r, w + r, h + r]])
    ious = box_iou(box, moved)
    # the least of the three radii is exact for one way, and none goes below
    assert ious.min().item() == pytest.approx(0.3, abs=1e-4)
    assert (ious >= 0.3 - 1e-4).all()


def test_peaks() -> None:
    heat = torch.zeros(2, 5, 6)
    cells, labels = torch.tensor([[2, 1], [4, 1], [0, 4]]), torch.tensor([1, 1, 2])
    draw_peaks(heat, cells, torch.tensor([1, 1, 0]), labels, at_once=30)  # one at a time
    # radius 1: deviation 3 / 6, at a distance of 1 exp(-1 / (2 / 4)) = exp(-2), over the corner -4
    side, corner = math.exp(-2), math.exp(-4)
    assert heat[0, 1].tolist() == pytest.approx([0, side, 1, side, 1, side])
    assert heat[0, 0].tolist() == pytest.approx([0, corner, side, corner, side, corner])
    assert (heat[0, 3:] == 0).all()
    assert heat[1].nonzero().tolist() == [[4, 0]]
    at_once = torch.zeros(2, 5, 6)
    draw_peaks(at_once, cells, torch.tensor([1, 1, 0]), labels)
    assert torch.equal(heat, at_once)


def test_local_maxima() -> None:
    heat = torch.tensor([[0.1, 0.5, 0.4, 0.0, 0.3, 0.2]]).expand(1, 1, 3, 6)
    kept = local_maxima(heat, 3)[0, 0, 0]
    assert kept.tolist() == pytest.approx([0, 0.5, 0, 0, 0.3, 0])
    assert torch.equal(local_maxima(heat, 1), heat)


def test_targets_and_the_way_back() -> None:
    like, shape = torch.zeros(2, 3, 8, 10), (32, 40)  # 4 pixels a cell
    boxes = [torch.tensor([[2.0, 4, 22, 20], [8.0, 8, 12, 12], [0, 20, 8, 32]]), torch.zeros(0, 4)]
    labels = [torch.tensor([1, 2, 3]), torch.zeros(0, dtype=torch.int64)]
    found = center_targets(like, shape, boxes, labels, 0.3)
    # centres (12, 12), (10, 10), (4, 26) px are (3, 3), (2.5, 2.5), (1, 6.5) cells
    assert [index.tolist() for index in found.where] == [[0, 0, 0], [3, 2, 6], [3, 2, 1]]
    assert found.sides.tolist() == [[5, 4], [1, 1], [2, 3]]
    assert found.offsets.tolist() == [[0, 0], [0.5, 0.5], [0, 0.5]]
    assert (found.heat_map == 1).nonzero().tolist() == [[0, 0, 3, 3], [0, 1, 2, 2], [0, 2, 6, 1]]
    assert (found.heat_map[1] == 0).all()

    sides, offsets = torch.zeros(2, 2, 8, 10), torch.zeros(2, 2, 8, 10)
    image, row, column = found.where
    sides[image, :, row, column] = found.sides
    offsets[image, :, row, column] = found.offsets
    peaks = local_maxima(found.heat_map, 3)
    bboxes, scores, own = decode_peaks(peaks, sides, offsets, shape, 5)
    assert scores[0].tolist() == [1, 1, 1, 0, 0] and (scores[1] == 0).all()
    order = own[0, :3].argsort()
    assert own[0][order].tolist() == [1, 2, 3]
    assert torch.equal(bboxes[0][order], boxes[0])


def test_two_objects_in_one_cell() -> None:
    like = torch.zeros(1, 2, 4, 4)
    boxes = [torch.tensor([[0.0, 0, 10, 10], [2.0, 2, 8, 9], [4, 4, 30, 40]])]
    found = center_targets(like, (16, 16), boxes, [torch.tensor([1, 2, 2])], 0.3)
    # (5, 5) and (5, 5.5) px are in cell (1, 1): the second counts; (17, 22) is beyond the map
    assert [index.tolist() for index in found.where] == [[0, 0], [1, 3], [1, 3]]
    assert found.sides[0].tolist() == [6 / 4, 7 / 4]
    assert found.heat_map[0, :, 1, 1].tolist() == [1, 1]


def test_fewer_cells_than_peaks() -> None:
    bboxes, scores, labels = decode_peaks(
        torch.rand(1, 2, 2, 2), torch.ones(1, 2, 2, 2), torch.zeros(1, 2, 2, 2), (8, 8), 100
    )
    assert bboxes.shape == (1, 8, 4) and scores.shape == labels.shape == (1, 8)
    assert set(labels[0].tolist()) == {1, 2}
