"""The nearest prior of each shape stands for all of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou

from mmlite.ops.priors import AnchorGenerator, SSDAnchorGenerator, TorchvisionAnchorGenerator
from mmlite.tools.dataset_analysis.priors import best_ious, prior_grid
from mmlite.tools.dataset_analysis.splits import NetworkBoxes

MAPS = [(6, 8), (3, 4)]  # (h, w) of strides 16 and 32 in 128 x 96
GENERATORS = dict(
    retina=AnchorGenerator([16, 32], ratios=[0.5, 1, 2], scales=[1, 1.5]),
    centred=AnchorGenerator([16, 32], ratios=[1], scales=[2], center_offset=0.5),
    ssd=SSDAnchorGenerator([16, 32], [[2], [2, 3]], min_sizes=[20, 50], max_sizes=[50, 90]),
    torchvision=TorchvisionAnchorGenerator([16, 32], [[20], [40, 55]], [0.5, 1]),
)
corner = st.floats(-20, 140, width=32)
side = st.floats(1, 150, width=32)


def network(bboxes: np.ndarray) -> NetworkBoxes:
    count = len(bboxes)
    return NetworkBoxes(bboxes, np.ones(count, int), np.tile([128, 96], (count, 1)))


@pytest.mark.parametrize('name', GENERATORS)
@given(boxes=st.lists(st.tuples(corner, corner, side, side), min_size=1, max_size=6))
def test_it_is_the_best_of_all_priors(name: str, boxes: list[tuple[float, ...]]) -> None:
    generator = GENERATORS[name]
    x, y, w, h = np.array(boxes, np.float64).T
    bboxes = np.stack([x, y, x + w, y + h], axis=1)
    found = best_ious(network(bboxes), {(128, 96): prior_grid(generator, MAPS)})
    priors, _ = generator(MAPS, torch.zeros(0))
    expected = box_iou(torch.from_numpy(bboxes), priors.double()).max(dim=1).values
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_box_between_two_cells() -> None:
    generator = AnchorGenerator([16], ratios=[1], scales=[2])  # 32 x 32 around 0, 16, 32 ...
    grid = prior_grid(generator, [(6, 8)])
    # centre (24, 16) is 8 from its nearest prior's: 24 x 32 of 2 x 1024 - 768 = 1280
    found = best_ious(network(np.array([[8.0, 0, 40, 32]])), {(128, 96): grid})
    assert found[0] == pytest.approx(768 / 1280)
