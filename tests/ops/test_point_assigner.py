"""The points that a box gets, on two levels whose distances are worked out beside them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.ops import assigners
from mmlite.ops.assignment import Assignment, Predictions
from mmlite.ops.point_assigner import PointAssigner
from mmlite.ops.predicted_priors import PredictedPriors


def squares(*points: tuple[float, float, float]) -> Tensor:
    """Of side = stride around (x, y)."""
    return Tensor([[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s in points])


# four points of stride 8 in a row, two of stride 16
PRIORS = squares((0, 0, 8), (8, 0, 8), (16, 0, 8), (24, 0, 8), (0, 0, 16), (16, 0, 16))
LEVELS = [4, 2]


def assign(boxes: list, pos_num: int = 1) -> list[int]:
    bboxes = Tensor(boxes).reshape(-1, 4)
    return PointAssigner(scale=4, pos_num=pos_num)(PRIORS, LEVELS, bboxes).indices.tolist()


def test_the_size_of_a_box_says_the_level() -> None:
    # centre (9, 0), side 32: log2(32 / 4) = 3, the level of stride 8; the nearest point is (8, 0)
    assert assign([[-7, -16, 25, 16]]) == [-1, 0, -1, -1, -1, -1]
    # side 64: log2(64 / 4) = 4, stride 16; (16, 0) is 7 px from the centre, (0, 0) 9
    assert assign([[-23, -32, 41, 32]]) == [-1, -1, -1, -1, -1, 0]
    # sides 32 and 128: (3 + 5) / 2 = 4 as well
    assert assign([[-7, -64, 25, 64]]) == [-1, -1, -1, -1, -1, 0]
    # smaller than the smallest, larger than the largest level
    assert assign([[8, -1, 10, 1], [-500, -500, 502, 500]]) == [-1, 0, -1, -1, 1, -1]


def test_a_box_gets_several_points() -> None:
    # distances from x = 9: 9, 1, 7 and 15
    assert assign([[-7, -16, 25, 16]], pos_num=3) == [0, 0, 0, -1, -1, -1]
    # more than the level has: nothing of another level
    assert assign([[-7, -16, 25, 16]], pos_num=5) == [0, 0, 0, 0, -1, -1]


@pytest.mark.parametrize('size', [assigners.MATRIX_SIZE, 1])
def test_the_nearer_box_gets_a_point_that_two_want(size, monkeypatch) -> None:
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', size)  # 1: one box at a time
    # centres x = 10 and x = 7, both of side 32: 2 / 32 and 1 / 32 from the point (8, 0)
    assert assign([[-6, -16, 26, 16], [-9, -16, 23, 16]]) == [-1, 1, -1, -1, -1, -1]
    # 1 px from a side of 32 is as far as 1.25 px from one of 40: the first one stays
    equal = [[-7, -16, 25, 16], [-13.25, -12.8, 26.75, 12.8]]
    assert assign(equal)[1] == 0 and assign(equal[::-1])[1] == 0


def test_without_boxes_all_is_background() -> None:
    assert assign([]) == [-1] * 6


def test_in_range_is_before_the_nearer_one_wins() -> None:
    boxes = Tensor([[-6, -16, 26, 16], [-9, -16, 23, 16]])
    fits = PointAssigner(pos_num=1).in_range(PRIORS, LEVELS, boxes)
    assert fits.nonzero().tolist() == [[0, 1], [1, 1]]


def test_an_assigner_of_predicted_priors() -> None:
    found = Predictions(torch.zeros(2, 1), Tensor([[0, 0, 8, 8], [50, 50, 60, 60]]), torch.zeros(2))
    max_iou = assigners.MaxIoUAssigner(0.5, 0.4, match_low_quality=False)
    assigner = PredictedPriors(max_iou)
    far = squares((500, 500, 8), (600, 600, 8))  # the priors themselves overlap nothing
    box, label = Tensor([[50, 50, 60, 60]]), torch.tensor([1])
    assert assigner(far, [2], box, None, label, found).indices.tolist() == [-1, 0]
    assert assigner.gives == ()


def test_a_plugins_assigner_of_predictions_gets_them_too() -> None:
    class Own:
        needs_predictions = True
        gives = ('quality',)

        def __call__(self, priors, num_per_level, bboxes, ignored, labels, predictions):
            assert priors is predictions.bboxes
            return Assignment(labels - 1, quality=predictions.scores[:, 0])

    found = Predictions(torch.full((1, 1), 0.5), torch.zeros(1, 4), torch.zeros(1, 1))
    assigner = PredictedPriors(Own())
    one = assigner(torch.ones(1, 4), [1], torch.ones(1, 4), None, torch.tensor([1]), found)
    assert one.indices.tolist() == [0] and one.quality.tolist() == [0.5]
    assert assigner.gives == ('quality',)
