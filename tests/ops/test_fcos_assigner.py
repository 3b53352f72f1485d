"""FCOSAssigner on points in a row, whose distances are worked out beside them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.ops import assigners
from mmlite.ops.assigners import BACKGROUND, FCOSAssigner
from mmlite.ops.priors import MlvlPointGenerator

# stride 8: points (4, 4), (12, 4), (20, 4), (28, 4); stride 16: points (8, 8), (24, 8)
PRIORS, COUNTS = MlvlPointGenerator([8, 16])([(1, 4), (1, 2)], torch.zeros(1))
RANGES = ((-1, 16), (16, 1e8))


def assign(boxes, ranges=RANGES, **args) -> list[int]:
    gt_bboxes = Tensor(boxes).reshape(-1, 4)
    return FCOSAssigner(ranges, **args)(PRIORS, COUNTS, gt_bboxes).indices.tolist()


def test_inside_a_box_and_within_the_range_of_the_level():
    # box of 20 x 8: the farthest side of (4, 4) is 16 away, of (12, 4) 12; (20, 4) is on the side
    # and not inside; (8, 8) of the second level is on the lower side
    assert assign([[0, 0, 20, 8]]) == [0, 0, -1, -1, -1, -1]
    # 32 x 16: from (4, 4) it is 28, from (12, 4) 20, from (8, 8) and (24, 8) 24 to a side
    assert assign([[0, 0, 32, 16]]) == [-1, -1, -1, -1, 0, 0]


def test_the_limits_of_a_range_belong_to_it():
    # 16 away from the right side: both levels would take it, the other points not
    both = ((-1, 16), (16, 100))
    assert assign([[0, 0, 20, 8]], both)[0] == 0
    assert assign([[0, 0, 20, 8]], ((16, 100), (0, 1)))[0] == 0


def test_the_smallest_box_takes_a_point():
    boxes = [[0, 0, 20, 8], [2, 2, 14, 8], [0, 0, 20, 8]]
    # points (4, 4) and (12, 4) lie in all: areas 160, 72, 160; of equals the first wins
    assert assign(boxes) == [1, 1, -1, -1, -1, -1]
    assert assign([boxes[0], boxes[2]]) == [0, 0, -1, -1, -1, -1]


def test_center_sampling():
    # the centre of 0..32 x 0..8 is (16, 4): within 0.75 strides are 12 and 20 (4 away), not 4, 28
    wide = [[0, 0, 32, 8]]
    everywhere = ((-1, 1e8), (-1, 1e8))
    assert assign(wide, everywhere) == [0, 0, 0, 0, -1, -1]
    near = dict(center_sampling=True, center_sample_radius=0.75)
    assert assign(wide, everywhere, **near) == [-1, 0, 0, -1, -1, -1]
    # exactly at the radius is not inside
    exact = dict(center_sampling=True, center_sample_radius=0.5)
    assert assign(wide, everywhere, **exact) == [-1] * 6


def test_without_boxes_all_is_background():
    assert assign([]) == [BACKGROUND] * 6


def test_levels_must_agree():
    with pytest.raises(ConfigError, match='regress_ranges has 1 levels, the priors have 2'):
        assign([[0, 0, 20, 8]], RANGES[:1])


def test_many_boxes_in_chunks(monkeypatch):
    torch.manual_seed(0)
    corner = torch.rand(40, 2) * 20
    boxes = torch.cat([corner, corner + 2 + torch.rand(40, 2) * 20], dim=1).tolist()
    whole = assign(boxes)
    monkeypatch.setattr(assigners, 'MATRIX_SIZE', 7 * len(PRIORS))
    assert assign(boxes) == whole
