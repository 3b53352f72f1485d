"""Priors above the threshold, counted for each box."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from mmlite.config import load_config
from mmlite.tools.dataset_analysis import positives
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.positives import positive_priors, share_with_several
from mmlite.tools.dataset_analysis.splits import NetworkBoxes
from tests.runs import TINY

BOXES = np.array([[10.0, 10, 22, 22], [0, 0, 60, 60], [40, 40, 43, 43]])


def test_they_are_those_of_the_assigner() -> None:
    on_grid = HeadOnGrid(load_config(TINY))
    boxes = NetworkBoxes(BOXES, np.array([1, 1, 2]), np.full((3, 2), 96))
    priors, _ = on_grid.head.prior_generator(on_grid.featmap_sizes((96, 96)), torch.zeros(0))
    expected = (box_iou(torch.from_numpy(BOXES).float(), priors) >= 0.5).sum(dim=1)
    counts = positive_priors(on_grid, boxes, 0.5)
    assert counts.tolist() == expected.tolist()
    assert counts[2] == 0  # 3 px; the smallest prior has 12


def test_many_boxes_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positives, 'MOST_BOXES', 2)
    boxes = NetworkBoxes(BOXES, np.array([1, 1, 2]), np.full((3, 2), 96))
    counts = positive_priors(HeadOnGrid(load_config(TINY)), boxes, 0.5)
    assert (counts == positives.NOT_LOOKED_AT).tolist() == [False, True, False]


def test_share_with_several() -> None:
    assert share_with_several(np.array([0, 3, 7, 2, -1])) == 0.5  # -1 was not looked at
    assert share_with_several(np.array([-1])) is None
