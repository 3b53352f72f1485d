"""Default boxes of SSD300 and SSD512, by hand and as the papers' models have them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.ops.priors import (
    AnchorGenerator,
    GridPriors,
    LegacyAnchorGenerator,
    LegacySSDAnchorGenerator,
    MlvlPointGenerator,
    SSDAnchorGenerator,
    TorchvisionAnchorGenerator,
    ssd_sizes,
)

LIKE = torch.zeros(1)
SSD300 = dict(
    input_size=300,
    basesize_ratio_range=(0.2, 0.9),
    strides=[8, 16, 32, 64, 100, 300],
    ratios=[[2], [2, 3], [2, 3], [2, 3], [2], [2]],
)
SSD512 = dict(
    input_size=512,
    basesize_ratio_range=(0.15, 0.9),
    strides=[8, 16, 32, 64, 128, 256, 512],
    ratios=[[2], [2, 3], [2, 3], [2, 3], [2, 3], [2], [2]],
)


@pytest.mark.parametrize(
    ('input_size', 'ratio_range', 'levels', 'min_sizes', 'last_max'),
    [
        # VOC: (90 - 20) // 4 = 17: ratios 10 | 20 37 54 71 88, times 3; the last 88 + 17 = 105
        (300, (0.2, 0.9), 6, [30, 60, 111, 162, 213, 264], 315),
        # COCO: (90 - 15) // 4 = 18: 7 | 15 33 51 69 87; 105
        (300, (0.15, 0.9), 6, [21, 45, 99, 153, 207, 261], 315),
        # (90 - 15) // 5 = 15: 7 | 15 30 45 60 75 90, times 5.12, cut to whole pixels; 105
        (512, (0.15, 0.9), 7, [35, 76, 153, 230, 307, 384, 460], 537),
        # (90 - 10) // 5 = 16: 4 | 10 26 42 58 74 90; 106
        (512, (0.1, 0.9), 7, [20, 51, 133, 215, 296, 378, 460], 542),
        # no released model: half the smallest ratio, 20 // 2; (80 - 20) // 2 = 30: 10 | 20 50 80
        (100, (0.2, 0.8), 4, [10, 20, 50, 80], 110),
    ],
)
def test_sizes(input_size, ratio_range, levels, min_sizes, last_max):
    # a level's largest side is the next level's smallest
    expected = (min_sizes, [*min_sizes[1:], last_max])
    assert ssd_sizes(input_size, ratio_range, levels) == expected


def test_ssd300_has_8732_priors():
    generator = SSDAnchorGenerator(**SSD300)
    assert generator.num_priors_per_location == [4, 6, 6, 6, 4, 4]
    sides = [38, 19, 10, 5, 3, 1]
    priors, num_per_level = generator([(side, side) for side in sides], LIKE)
    # 38^2 * 4, 19^2 * 6, 10^2 * 6, 5^2 * 6, 3^2 * 4, 4
    assert num_per_level == [5776, 2166, 600, 150, 36, 4]
    assert priors.shape == (8732, 4)
    # the last level's only cell is centred at 300 / 2 and its first prior is 264 wide
    assert priors[-4].tolist() == [150 - 132, 150 - 132, 150 + 132, 150 + 132]


def test_ssd512_has_24564_priors():
    sides = [64, 32, 16, 8, 4, 2, 1]
    priors, _ = SSDAnchorGenerator(**SSD512)([(side, side) for side in sides], LIKE)
    assert len(priors) == 24564


def test_boxes_of_a_location():
    generator = SSDAnchorGenerator([10], ratios=[[4]], min_sizes=[16], max_sizes=[36])
    priors, _ = generator([(1, 1)], LIKE)
    # sides 16; sqrt(16 * 36) = 24; h / w = 1/4: w = 16 * 2, h = 16 / 2; h / w = 4: the other way.
    # The centre is half a stride in: (5, 5)
    expected = [[-3, -3, 13, 13], [-7, -7, 17, 17], [-11, 1, 21, 9], [1, -11, 9, 21]]
    assert priors.tolist() == expected


def test_order_is_rows_then_columns_then_priors_of_a_location():
    base = Tensor([[0, 0, 4, 4], [0, 0, 8, 2]])
    priors, num_per_level = GridPriors([(10, 100), 7], [base, base[:1]])([(2, 2), (1, 2)], LIKE)
    assert num_per_level == [8, 2]
    # (x, y) steps of (10, 100) pixels, then of (7, 7)
    shifts = [(0, 0), (0, 0), (10, 0), (10, 0), (0, 100), (0, 100), (10, 100), (10, 100)]
    shifts += [(0, 0), (7, 0)]
    assert [tuple(prior[:2]) for prior in priors.tolist()] == shifts
    assert (priors[:, 2:] - priors[:, :2])[[0, 1, 6, 7, 8]].tolist() == [
        [4, 4], [8, 2], [4, 4], [8, 2], [4, 4]
    ]  # fmt: skip


def test_priors_of_a_size_are_made_once_and_the_oldest_are_let_go():
    generator = GridPriors([8], [torch.zeros(1, 4)])
    first, _ = generator([(2, 2)], LIKE)
    assert generator([(2, 2)], LIKE)[0] is first
    for side in range(3, 40):
        generator([(side, side)], LIKE)
    again, _ = generator([(2, 2)], LIKE)
    assert again is not first and torch.equal(again, first)


def test_priors_made_in_a_test_serve_in_training():
    generator = GridPriors([8], [torch.zeros(1, 4)])
    with torch.inference_mode():
        priors, _ = generator([(2, 2)], LIKE)
    (priors * torch.ones(1, requires_grad=True)).sum().backward()  # an inference tensor raises


def test_inside_counts_cells_that_see_the_image():
    generator = GridPriors([(8, 16)], [torch.zeros(2, 4)])
    # 33 high: ceil(33 / 16) = 3 of 4 rows; 16 wide: exactly 2 of 3 columns; 2 priors a cell
    inds, num_per_level = generator.inside([(4, 3)], (33, 16), LIKE)
    # a row is 3 cells of 2 priors
    assert inds.tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15]
    assert num_per_level == [12]


def test_inside_is_none_where_all_cells_see_the_image():
    generator = GridPriors([(8, 16)], [torch.zeros(2, 4)])
    assert generator.inside([(4, 3)], (64, 24), LIKE) is None
    assert generator.inside([(4, 3)], (49, 17), LIKE) is None  # a pixel of the last row and column


def test_inside_has_the_order_of_the_priors():
    generator = SSDAnchorGenerator(**SSD300)
    sizes = [(math.ceil(300 / stride),) * 2 for stride in SSD300['strides']]
    priors, _ = generator(sizes, LIKE)
    inds, num_per_level = generator.inside(sizes, (100, 200), LIKE)
    # a cell that starts inside 100 x 200 has its centre left of 200 + stride / 2
    centres = (priors[:, :2] + priors[:, 2:]) / 2
    half = torch.cat(
        [
            torch.full((h * w * count,), stride / 2)
            for (h, w), count, stride in zip(
                sizes, generator.num_priors_per_location, SSD300['strides'], strict=True
            )
        ]
    )
    expected = (centres[:, 0] - half < 200) & (centres[:, 1] - half < 100)
    assert torch.equal(inds, expected.nonzero()[:, 0])
    per_cell = (4, 6, 6, 6, 4, 4)
    levels = expected.split([h * w * a for (h, w), a in zip(sizes, per_cell, strict=True)])
    assert num_per_level == [level.sum() for level in levels]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(ratios=[[2]]), '6 strides, 1 ratios'),
        (dict(min_sizes=[1] * 6), 'both min_sizes and max_sizes'),
        (dict(scale_major=True), 'scale_major'),
        (dict(strides=[8, 16], ratios=[[2], [2]]), '2 levels'),
        (dict(basesize_ratio_range=(0.2, 0.22)), '0.22'),
    ],
)
def test_arguments_that_do_not_fit(changes, message):
    with pytest.raises(ConfigError, match=message):
        SSDAnchorGenerator(**{**SSD300, **changes})


def test_wrong_number_of_feature_maps():
    with pytest.raises(ConfigError, match=r'has 6 strides .* gives 1 feature maps \[\(38, 38\)\]'):
        SSDAnchorGenerator(**SSD300)([(38, 38)], LIKE)


RETINA = dict(ratios=[0.5, 1.0, 2.0], octave_base_scale=4, scales_per_octave=3)


def test_anchors_of_one_location():
    # base size 8 and scale 4: 32 px; scales grow by 2^(1/3)
    generator = AnchorGenerator(strides=[8], **RETINA)
    priors, _ = generator([(1, 1)], LIKE)
    sides = priors[:, 2:] - priors[:, :2]
    assert (priors[:, :2] + priors[:, 2:]).abs().max() < 1e-5  # centred on the cell's corner
    areas = [(32 * 2 ** (i / 3)) ** 2 for i in range(3)]
    torch.testing.assert_close(sides.prod(1), Tensor(areas * 3))
    # one ratio after the other, each in three scales
    ratios = Tensor([0.5] * 3 + [1.0] * 3 + [2.0] * 3)
    torch.testing.assert_close(sides[:, 1] / sides[:, 0], ratios)


def test_order_and_place_of_anchors():
    # base sizes of their own, centres at half of these; one scale after the other
    generator = AnchorGenerator(
        strides=[4], ratios=[1, 4], scales=[1, 2], base_sizes=[8], scale_major=False,
        center_offset=0.5,
    )  # fmt: skip
    priors, _ = generator([(1, 2)], LIKE)
    # ratio 4: h 16, w 4; scale 2 doubles; the second cell is 4 to the right
    first = Tensor([[0, 0, 8, 8], [2, -4, 6, 12], [-4, -4, 12, 12], [0, -12, 8, 20]])
    assert priors.tolist() == [*first.tolist(), *(first + Tensor([4, 0, 4, 0])).tolist()]
    same = AnchorGenerator(
        strides=[4], ratios=[1, 4], scales=[1, 2], base_sizes=[8], scale_major=False,
        centers=[(4, 4)],
    )  # fmt: skip
    assert torch.equal(same([(1, 2)], LIKE)[0], priors)


@pytest.mark.parametrize(
    'args', [dict(), dict(octave_base_scale=4), dict(scales=[8], scales_per_octave=3)]
)
def test_scales_are_given_one_way(args):
    with pytest.raises(ConfigError, match='give either scales, or octave_base_scale'):
        AnchorGenerator(strides=[8], ratios=[1], **args)


def test_anchor_levels_must_agree():
    with pytest.raises(ConfigError, match='2 strides, 1 base_sizes, 1 centers'):
        AnchorGenerator(strides=[8, 16], base_sizes=[8], ratios=[1], scales=[8])


def test_points_are_squares_of_side_stride():
    priors, num_per_level = MlvlPointGenerator([8, 16])([(1, 2), (1, 1)], LIKE)
    # points (4, 4), (12, 4) and (8, 8)
    assert priors.tolist() == [[0, 0, 8, 8], [8, 0, 16, 8], [0, 0, 16, 16]]
    assert num_per_level == [2, 1]


def test_anchors_of_mmdet_1x():
    # a base of 9 spans 0..8, and its middle is (9 - 1) / 2 = 4
    generator = LegacyAnchorGenerator([16], [1.0], [1.0], [9], center_offset=0.5)
    first = [[0, 0, 8, 8], [16, 0, 24, 8], [0, 16, 8, 24], [16, 16, 24, 24]]
    assert generator([(2, 2)], LIKE)[0].tolist() == first
    # stride 8, scale 4: 32 wide around 3.5: 3.5 - 15.5 = -12 to 19
    retina = LegacyAnchorGenerator([8], [1.0], [4.0], center_offset=0.5)
    assert retina([(1, 1)], LIKE)[0].tolist() == [[-12, -12, 19, 19]]


def test_default_boxes_of_mmdet_1x():
    """Sides 21 and sqrt(21 * 45) = 30.74 around 3.5, corners rounded: 3.5 -+ 10, 3.5 -+ 14.87."""
    generator = LegacySSDAnchorGenerator([8], [[2]], min_sizes=[21], max_sizes=[45])
    square, larger, *_ = generator([(1, 1)], LIKE)[0].tolist()
    assert square == [-6, -6, 14, 14]  # -6.5 and 13.5, to the even number
    assert larger == [-11, -11, 18, 18]


class TestTorchvisions:
    """Whole pixels around the corners of the cells, and the steps that the input leaves."""

    def test_corners_are_whole_pixels(self):
        generator = TorchvisionAnchorGenerator([8], [(32, 40)], [0.5, 1.0])
        # ratio 1/2: w = 32 * sqrt(2) = 45.25, h = 22.63: halves 22.63 and 11.31 become 23 and 11
        found = generator([(1, 1)], LIKE)[0].tolist()
        assert found[0] == [-23, -11, 23, 11]
        assert found[2:] == [[-16, -16, 16, 16], [-20, -20, 20, 20]]

    def test_steps_are_input_over_cells(self):
        generator = TorchvisionAnchorGenerator([8, 128], [[8], [128]], [1.0])
        # maps of a 320 x 480 input: 40 x 60 cells of 8, 3 x 4 of 320 // 3 = 106 and 480 // 4 = 120
        sizes = [(40, 60), (3, 4)]
        assert generator.strides_of(sizes) == [(8, 8), (120, 106)]
        priors, counts = generator(sizes, LIKE)
        assert counts == [2400, 12]
        assert priors[-1].tolist() == [3 * 120 - 64, 2 * 106 - 64, 3 * 120 + 64, 2 * 106 + 64]
        assert generator.inside(sizes, (8, 8), LIKE) is None

    def test_levels_must_agree(self):
        with pytest.raises(ConfigError, match='2 strides and 1 sizes'):
            TorchvisionAnchorGenerator([8, 16], [[8]], [1.0])


def test_sides_no_longer_than_the_input():
    args = dict(strides=[8], ratios=[[4]], min_sizes=[60], max_sizes=[80])
    clipped = SSDAnchorGenerator(**args, input_size=100, clip_sides=True)
    # ratio 1/4: 120 x 30 becomes 100 x 30
    wide = clipped.base_priors[0][2]
    assert (wide[2:] - wide[:2]).tolist() == [100, 30]
    with pytest.raises(ConfigError, match='clip_sides=True needs input_size'):
        SSDAnchorGenerator(**args, clip_sides=True)
