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
    MlvlPointGenerator,
    SSDAnchorGenerator,
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


def test_inside_counts_cells_that_see_the_image():
    generator = GridPriors([(8, 16)], [torch.zeros(2, 4)])
    # 33 high: ceil(33 / 16) = 3 of 4 rows; 16 wide: exactly 2 of 3 columns; 2 priors a cell
    inside = generator.inside([(4, 3)], (33, 16), LIKE).reshape(4, 3, 2)
    expected = torch.zeros(4, 3, 2, dtype=torch.bool)
    expected[:3, :2] = True
    assert torch.equal(inside, expected)


def test_inside_has_the_order_of_the_priors():
    generator = SSDAnchorGenerator(**SSD300)
    sizes = [(math.ceil(300 / stride),) * 2 for stride in SSD300['strides']]
    priors, _ = generator(sizes, LIKE)
    inside = generator.inside(sizes, (100, 200), LIKE)
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
    assert torch.equal(inside, expected)


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


def test_points_count_in_the_padding_too():
    inside = MlvlPointGenerator([8, 16]).inside([(2, 2), (1, 1)], (8, 8), LIKE)
    assert inside.tolist() == [True] * 5
