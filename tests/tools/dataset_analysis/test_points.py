"""Points of FCOS that may look for a box."""

from __future__ import annotations

import numpy as np

from mmlite.config import load_config
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.points import points_in_range, spread
from mmlite.tools.dataset_analysis.splits import NetworkBoxes
from tests.runs import CHECKOUT

BOXES = np.array([[10.0, 10, 30, 30], [0, 0, 90, 90], [41, 41, 43, 43]])


def test_points_of_each_level() -> None:
    on_grid = HeadOnGrid(load_config(CHECKOUT / 'tests' / 'tiny_fcos.py'))
    boxes = NetworkBoxes(BOXES, np.ones(3, int), np.full((3, 2), 96))
    assert on_grid.featmap_sizes((96, 96)) == ((12, 12), (6, 6), (3, 3), (2, 2))
    counts = points_in_range(on_grid, boxes, on_grid.head.assigner)
    # ranges end at 24, 48, 96. The first box is 20 px: stride 8 has points at 12, 20, 28 and
    # those within 12 px of the centre 20, at most 10 + 8 = 18 px from a side: 3 x 3.
    # The second, of 90: stride 32 has 16, 48, 80, all within 48 px of 45; the farthest side is
    # from 48 to 80 px away: 3 x 3 but the one at 48, 48, which is 48 px from it: both levels'.
    # Stride 16 has 40 and 56 with 50 and 56 px: none in 24-48. No point lies in the third: its
    # nearest are 36 and 44.
    assert counts[0].tolist() == [9, 0, 0, 0]
    assert counts[1, 0] == 0
    assert counts[1, 2] == 9
    assert counts[2].tolist() == [0, 0, 0, 0]


def test_a_box_falls_to_its_levels_in_part() -> None:
    counts = np.array([[3, 1], [0, 5], [0, 0]])
    # (3/4 + 0) / 2 and (1/4 + 1) / 2; the box without a point falls to none
    np.testing.assert_allclose(spread(counts), [0.375, 0.625])
    assert spread(np.zeros((1, 2), int)).tolist() == [0, 0]
