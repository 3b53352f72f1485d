"""SimOTA and RTMDet's soft labels on a few cells, whose costs are worked out beside them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from mmlite.ops import assigners, dynamic_assigners
from mmlite.ops.assignment import Assignment, Predictions
from mmlite.ops.dynamic_assigners import DynamicSoftLabelAssigner, SimOTAAssigner
from tests.golden import FOLDER

# four cells of stride 8 in a row: points (4, 4), (12, 4), (20, 4) and (28, 4)
PRIORS = Tensor([[8 * i, 0, 8 * i + 8, 8] for i in range(4)])
NONE = torch.zeros(0, 4)


def assign(assigner, boxes, labels, predicted, logits) -> Assignment:
    """Of boxes (g, 4), labels 1..C, predicted boxes (4, 4) and logits (4, C)."""
    found = Predictions(Tensor(logits).sigmoid(), Tensor(predicted), Tensor(logits))
    return assigner(PRIORS, [4], Tensor(boxes).reshape(-1, 4), NONE, torch.tensor(labels), found)


def bars(*ends: tuple[float, float]) -> list[list[float]]:
    """Boxes of height 8 from x1 to x2: IoUs are those of lengths."""
    return [[x1, 0, x2, 8] for x1, x2 in ends]


LIKELY = [[0.0]] * 4  # a score of 0.5 everywhere


def test_a_box_takes_as_many_priors_as_its_best_ious_add_up_to() -> None:
    box, predicted = bars((0, 32)), bars((0, 32), (0, 32), (0, 16), (0, 8))
    # IoUs 1, 1, 1/2, 1/4: the sum of the best two is 2, of all 2.75
    for topk in (2, 4):
        found = assign(SimOTAAssigner(candidate_topk=topk), box, [1], predicted, LIKELY)
        assert found.indices.tolist() == [0, 0, -1, -1]
        assert found.quality.tolist() == [1, 1, 0, 0]
    # of one IoU only: 1, and the point (12, 4) is nearer to the centre than (4, 4)
    found = assign(DynamicSoftLabelAssigner(topk=1), box, [1], predicted, LIKELY)
    assert found.indices.tolist() == [-1, 0, -1, -1]


def test_a_box_takes_one_prior_at_least() -> None:
    predicted = bars((0, 1), (0, 2), (0, 1), (0, 1))  # IoUs of 1/32 and 1/16
    found = assign(SimOTAAssigner(), bars((0, 32)), [1], predicted, LIKELY)
    assert found.indices.tolist() == [-1, 0, -1, -1]
    assert found.quality.tolist() == [0, 1 / 16, 0, 0]


def test_a_prior_that_two_boxes_want_goes_to_the_cheaper_one() -> None:
    boxes = bars((0, 16), (0, 32))
    # the only good prediction (0, 16): IoU 1 with the first box, 1/2 with the second
    predicted = bars((0, 16), (90, 91), (90, 91), (90, 91))
    logits = [[0.0], [-9.0], [-9.0], [-9.0]]
    found = assign(SimOTAAssigner(), boxes, [1, 1], predicted, logits)
    assert found.indices.tolist() == [0, -1, -1, -1]


def test_cost_of_sim_ota() -> None:
    """Both classes count: -log(0.8) for the one that is there, -log(1 - 0.25) for the other."""
    scores = Tensor([[0.8, 0.25]] * 4)
    found = Predictions(scores, Tensor(bars((0, 16))).repeat(4, 1), scores)
    box, label, ious = Tensor(bars((0, 32))), torch.tensor([1]), torch.full((1, 4), 0.5)
    cost = SimOTAAssigner(center_radius=1.25).cost(PRIORS, box, label, found, ious)
    cls_cost = -math.log(0.8) - math.log(0.75)
    near = cls_cost - 3 * math.log(0.5 + 1e-7)
    # the centre is x = 16: points at 12 and 20 are nearer than 1.25 * 8 = 10, those at 4 and 28 not
    torch.testing.assert_close(cost, Tensor([[near + 1e5, near, near, near + 1e5]]))


def test_cost_of_soft_labels() -> None:
    """Distances of 12, 4, 4 and 12 pixels are 1.5 and 0.5 strides: 10^-1.5 and 10^-2.5."""
    logits = torch.zeros(4, 2)  # scores of 0.5
    found = Predictions(logits.sigmoid(), Tensor(bars((0, 16))).repeat(4, 1), logits)
    box, label, ious = Tensor(bars((0, 32))), torch.tensor([2]), torch.full((1, 4), 0.75)
    cost = DynamicSoftLabelAssigner().cost(PRIORS, box, label, found, ious)
    # class 1: 0.5^2 * log 2; class 2: (0.75 - 0.5)^2 * log 2, as p = 0.5 costs log 2 for any target
    cls_cost = (0.25 + 0.0625) * math.log(2)
    both = cls_cost - 3 * math.log(0.75 + 1e-7)
    far, near = both + 10**-1.5, both + 10**-2.5
    torch.testing.assert_close(cost, Tensor([[far, near, near, far]]))


def test_priors_outside_all_boxes_are_background_whatever_they_predict() -> None:
    predicted = bars((16, 24), (16, 24), (16, 24), (16, 24))
    # points 20 only; the sum of the IoUs of candidates is 1
    found = assign(DynamicSoftLabelAssigner(), bars((16, 24)), [1], predicted, LIKELY)
    assert found.indices.tolist() == [-1, -1, 0, -1]


def test_a_box_between_the_points() -> None:
    """RTMDet finds no prior in it, YOLOX takes one near its centre."""
    box, predicted = [[13, 5, 15, 7]], bars((8, 16), (8, 16), (16, 24), (24, 32))
    found = assign(DynamicSoftLabelAssigner(), box, [1], predicted, LIKELY)
    assert found.indices.tolist() == [-1] * 4 and not found.quality.any()
    assert assign(SimOTAAssigner(), box, [1], predicted, LIKELY).indices.tolist().count(0) == 1


@pytest.mark.parametrize('assigner', [SimOTAAssigner(), DynamicSoftLabelAssigner()])
def test_an_image_without_boxes(assigner) -> None:
    found = assign(assigner, [], [], bars((0, 8), (0, 8), (0, 8), (0, 8)), LIKELY)
    assert found.indices.tolist() == [-1] * 4 and found.quality.tolist() == [0] * 4


@pytest.mark.parametrize('assigner', [SimOTAAssigner(), DynamicSoftLabelAssigner()])
def test_predictions_of_no_area_have_a_cost(assigner) -> None:
    """Distances may be negative: x2 before x1, or a box of no area around no area of a truth."""
    predicted = [[8, 0, 0, 8], [5, 5, 5, 5], [16, 8, 24, 0], [0, 0, 0, 0]]
    found = assign(assigner, bars((0, 32)), [1], predicted, LIKELY)
    assert found.indices.tolist().count(0) == 1 and not found.quality.any()


@pytest.mark.parametrize('size', [assigners.MATRIX_SIZE, 1000])
@pytest.mark.parametrize('name', ['sim_ota', 'dynamic_soft_label'])
def test_the_same_boxes_as_mmdet(name, size, monkeypatch) -> None:
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', size)  # 1000: one box at a time
    cfg = json.loads((FOLDER / f'part_assign_{name}.json').read_text())['cfg']
    with np.load(FOLDER / f'part_assign_{name}.npz') as file:
        case = {key: torch.from_numpy(value) for key, value in file.items()}
    points, half = case['in_priors'][:, :2], case['in_priors'][:, 2:] / 2
    logits = case['in_pred_logits']
    found = getattr(dynamic_assigners, cfg.pop('type'))(**cfg)(
        torch.cat([points - half, points + half], dim=1),
        case['in_per_level'].tolist(),
        case['in_gt_bboxes'],
        case['in_ignored'],
        case['in_gt_labels'] + 1,
        Predictions(logits.sigmoid(), case['in_pred_bboxes'], logits),
    )
    # mmdet: 0 background, i + 1 for box i
    assert found.indices.tolist() == (case['out_gt_inds'] - 1).tolist()
    torch.testing.assert_close(found.quality, case['out_max_overlaps'].clamp(min=0))
