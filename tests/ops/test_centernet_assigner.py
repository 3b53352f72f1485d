"""CenterNetAssigner: points in the middle of boxes, pairs, and the heat map, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.ops.assignment import Predictions
from mmlite.ops.centernet_assigner import CenterNetAssigner
from mmlite.ops.priors import MlvlPointGenerator

INF = 1e8


def priors() -> tuple[Tensor, list[int]]:
    """8 x 8 points of stride 8 and 4 x 4 of stride 16: 64 x 64 pixels."""
    generator = MlvlPointGenerator([8, 16])
    return generator([(8, 8), (4, 4)], torch.zeros(1))


def l1(found: Tensor, wanted: Tensor) -> Tensor:
    return (found - wanted).abs().sum(dim=1)


def assigner(**changes) -> CenterNetAssigner:
    return CenterNetAssigner([(0, 20), (20, INF)], l1, **changes)


def predictions(bboxes: Tensor) -> Predictions:
    return Predictions(torch.zeros(len(bboxes), 2), bboxes, torch.zeros(len(bboxes), 2))


def assign(bboxes: Tensor, predicted: Tensor | None = None, **changes):
    points, counts = priors()
    predicted = torch.zeros(len(points), 4) if predicted is None else predicted
    labels = torch.ones(len(bboxes), dtype=torch.int64)
    return assigner(**changes)(points, counts, bboxes, None, labels, predictions(predicted))


def test_the_middle_of_a_box_on_its_level() -> None:
    # centre (20, 20) is in the cell (2, 2) of stride 8, half the diagonal is 17: the first level
    found = assign(torch.tensor([[8.0, 8, 32, 32]]))
    inside = {8 * row + column for row in (1, 2, 3) for column in (1, 2, 3)}
    assert set((found.indices == 0).nonzero().flatten().tolist()) == inside
    # without a good prediction only the central point is a positive of the class
    assert found.pairs.tolist() == [[8 * 2 + 2, 0]]


def test_points_outside_the_box_are_not_taken() -> None:
    found = assign(torch.tensor([[17.0, 17, 23, 23]]))  # no point but (20, 20)
    assert (found.indices == 0).nonzero().flatten().tolist() == [8 * 2 + 2]


def test_the_nearest_centre_in_units_of_the_size() -> None:
    large, small = [0.0, 0, 24, 24], [10.0, 6, 26, 22]
    found = assign(torch.tensor([large, small]))
    # centres (12, 12) of the cell (1, 1) and (18, 14) of the cell (2, 1): each has its own cell.
    # The radii^2 are 2 / 81 * 576 = 14.2 -> 16 and 2 / 81 * 256 -> 16: the same
    assert found.indices[8 * 1 + 1] == 0 and found.indices[8 * 1 + 2] == 1
    # (20, 20): 8^2 + 8^2 from the large one's centre, 2^2 + 6^2 from the small one's
    assert found.indices[8 * 2 + 2] == 1
    # (4, 4) is in the large one only
    assert found.indices[0] == 0


def test_good_predictions_are_more_positives() -> None:
    box = torch.tensor([[8.0, 8, 32, 32]])
    points, _ = priors()
    far = torch.full((len(points), 4), 500.0)
    good = far.clone()
    rows = [8 + 1, 8 * 2 + 2, 8 * 3 + 1, 64 + 5]  # one of them on the other level, one the centre
    good[rows] = box + 0.01  # L1 of 0.04
    found = assign(box, good)
    assert sorted(found.pairs[:, 0].tolist()) == sorted(rows)
    # fewer than the third least loss, which is 0.04 as well: the centre, whose loss is 0
    assert assign(box, good, more_pos_topk=3).pairs[:, 0].tolist() == [8 * 2 + 2]
    assert assign(box, good, more_pos_thresh=0.01).pairs[:, 0].tolist() == [8 * 2 + 2]


def test_two_boxes_may_share_a_pair_of_point_and_class() -> None:
    box = torch.tensor([[8.0, 8, 32, 32], [9.0, 9, 31, 31]])
    found = assign(box)
    assert found.pairs.tolist() == [[18, 0], [18, 1]]


def test_heat_map() -> None:
    points, _ = priors()
    boxes, labels = torch.tensor([[0.0, 0, 44, 44], [20.0, 20, 28, 28]]), torch.tensor([2, 2])
    heat = assigner().heat_map(points, boxes, labels, 3)
    assert heat.shape == (80, 3) and (heat[:, [0, 2]] == 0).all()
    # centres (22, 22) and (24, 24): the cells (2, 2) and (3, 3); there the map is 1
    assert heat[8 * 2 + 2, 1] == heat[8 * 3 + 3, 1] == 1
    # the point (12, 12): 200 px^2 to (22, 22), radius^2 (0.2 / 1.8)^2 * 2 * 44^2 = 47.8;
    # 288 px^2 to (24, 24), radius^2 1.58, at least 4^2
    expected = max(math.exp(-200 / (2 / 81 * 44**2)), math.exp(-288 / 16))
    assert heat[8 + 1, 1].item() == pytest.approx(expected, rel=1e-5)
    assert heat[63, 1] == 0  # (60, 60): exp(-60), less than 1e-4


def test_no_boxes() -> None:
    found = assign(torch.zeros(0, 4))
    assert (found.indices == -1).all() and found.pairs.shape == (0, 2)
    points, _ = priors()
    heat = assigner().heat_map(points, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 3)
    assert heat.shape == (80, 3) and (heat == 0).all()
