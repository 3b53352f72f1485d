"""RepPoints: boxes of points and grids by hand, the two stages, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.heads import point_sets
from mmlite.ops.priors import AnchorGenerator, MlvlPointGenerator
from mmlite.registry import HEADS

POINTS = dict(assigner=dict(type='PointAssigner', scale=4, pos_num=1))
BOXES = dict(assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4))
STAGES = dict(init=POINTS, refine=BOXES)
SMALL = dict(
    type='RepPointsHead', num_classes=2, in_channels=8, feat_channels=8, point_feat_channels=8,
    stacked_convs=1, point_strides=[8, 16],
)  # fmt: skip


def head(**changes):
    return HEADS.build({'train_cfg': STAGES, **SMALL, **changes}, at='model.bbox_head')


def at_one_place(*pairs: tuple[float, float]) -> Tensor:
    """Points (1, 2 * n, 1, 1) of (y, x)."""
    return Tensor(pairs).reshape(1, -1, 1, 1)


# y, x; the fifth one is far to the right
FIVE = at_one_place((-1, 0), (2, 1), (0, -3), (1, 2), (0, 10))


def test_boxes_of_points() -> None:
    # left, top, right, bottom
    assert point_sets.box_function('minmax')(FIVE).flatten().tolist() == [3, 1, 10, 2]
    assert point_sets.box_function('partial_minmax')(FIVE).flatten().tolist() == [3, 1, 2, 2]


def test_a_box_of_moments() -> None:
    # y: -1, 0, 1 has mean 0 and deviation 1; x: 2, 4, 6 has mean 4 and deviation 2
    points = at_one_place((-1, 2), (0, 4), (1, 6))
    box = point_sets.box_of_moments(points, torch.zeros(2))
    torch.testing.assert_close(box.flatten(), Tensor([-2, 1, 6, 1]))
    # the first factor is for the width: 2 * 3, the second one for the height: 1 / 2
    box = point_sets.box_of_moments(points, Tensor([math.log(3), -math.log(2)]))
    torch.testing.assert_close(box.flatten(), Tensor([2, 0.5, 10, 0.5]))


def test_points_in_one_place_have_a_finite_gradient() -> None:
    points = torch.zeros(1, 18, 1, 1, requires_grad=True)
    point_sets.box_of_moments(points, torch.zeros(2)).sum().backward()
    assert points.grad.isfinite().all()


def test_a_grid_in_a_box_that_moves_and_grows() -> None:
    grid = point_sets.GridPoints(3, spread=2.0)
    outputs = torch.zeros(1, 4, 1, 1)
    start = grid.start(outputs)
    # from -2 to 2 in steps of 2; y changes slowly
    pairs = grid.points(grid.moved(start, outputs)).reshape(-1, 2).tolist()
    assert pairs == [[y, x] for y in (-2, 0, 2) for x in (-2, 0, 2)]
    # of a side of 4: 1/4 to the right, 1/2 up, twice as wide: x from -3 to 5, y from -4 to 0
    outputs = Tensor([0.25, -0.5, math.log(2), 0]).view(1, 4, 1, 1)
    box = grid.moved(start, outputs)
    torch.testing.assert_close(box.flatten(), Tensor([3, 4, 5, 0]))
    pairs = grid.points(box).reshape(-1, 2)
    expected = Tensor([[y, x] for y in (-4, -2, 0) for x in (-3, 1, 5)])
    torch.testing.assert_close(pairs, expected)


def test_free_points_start_in_the_middle_or_as_a_grid() -> None:
    like = torch.zeros(1)
    assert point_sets.FreePoints(3, 0).start(like).abs().sum() == 0
    start = point_sets.FreePoints(3, 2.0).start(like).reshape(-1, 2).tolist()
    assert start == [[y, x] for y in (-2, 0, 2) for x in (-2, 0, 2)]
    taps = point_sets.square_grid(5, 2, like).reshape(-1, 2).tolist()
    assert taps == [[y, x] for y in range(-2, 3) for x in range(-2, 3)]


def test_priors_are_what_the_first_assigner_compares() -> None:
    assert isinstance(head().prior_generator, MlvlPointGenerator)
    found = head(train_cfg=dict(init=BOXES, refine=BOXES), point_base_scale=2).prior_generator
    assert isinstance(found, AnchorGenerator)
    # around the corner of the first cell, of two strides
    assert [base.tolist() for base in found.base_priors] == [
        [[-8, -8, 8, 8]], [[-16, -16, 16, 16]]
    ]  # fmt: skip


def test_the_second_assigner_compares_the_first_boxes() -> None:
    own = head()
    priors, counts = own.prior_generator([(2, 2), (1, 1)], torch.zeros(0))
    wanted = Tensor([[2, 3, 30, 40]])
    far = torch.zeros(1, 5, 4)
    # distances (left, top, right, bottom) from the point (8, 8) of the last cell of stride 8
    far[0, 3] = Tensor([6, 5, 22, 32])
    outs = dict(cls_score=torch.zeros(1, 5, 2), bbox_pred=torch.zeros(1, 5, 4), bbox_init=far)
    found = own.predictions(outs, priors)
    assert found.bboxes[0, 3].tolist() == wanted[0].tolist()
    meta = dict(pad_shape=(16, 16), batch_input_shape=(16, 16))
    feats = [torch.zeros(1, 8, 2, 2), torch.zeros(1, 8, 1, 1)]
    labels, _, refined, matched = own.get_targets(
        priors, counts, feats, [meta], [wanted], [torch.tensor([2])], None, found
    )
    # centre (16, 21.5), sides 28 and 37: log2 of 8.04 is 3, stride 8; the nearest is (8, 8)
    assert labels.tolist() == [[0, 0, 0, 2, 0]]
    assert refined.tolist() == [[0, 0, 0, 2, 0]] and matched[0, 3].tolist() == wanted[0].tolist()
    assert own.assigner is not own.refine_assigner  # as before


def test_a_difference_counts_in_squares_of_the_level() -> None:
    own = head(loss_bbox_init=dict(type='L1Loss'))
    outs = own([torch.zeros(1, 8, 2, 2), torch.zeros(1, 8, 1, 1)])
    assert outs['unit'][0, :, 0].tolist() == [32, 32, 32, 32, 64]  # 4 strides
    priors, _ = own.prior_generator([(2, 2), (1, 1)], torch.zeros(0))
    # the box of the last prior, around (0, 0): 16 px off at each side, a quarter of a unit
    labels, matched = torch.tensor([[0, 0, 0, 0, 1]]), torch.zeros(1, 5, 4)
    matched[0, 4] = Tensor([-16, -16, 16, 16])
    loss = own.box_loss(
        own.loss_bbox_init, outs['unit'], torch.zeros(1, 5, 4), priors, labels, matched
    )
    assert loss.item() == 4 * 16 / 64


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(num_points=8), 'model.bbox_head.num_points: the square of an odd number'),
        (dict(num_points=16), 'found 16'),
        (dict(num_points=1), 'found 1'),
        (dict(transform_method='momnet'), r"found 'momnet'.*Did you mean 'moment'"),
        (dict(train_cfg=dict(init=POINTS)), "train_cfg.refine: RepPointsHead needs the key 'ass"),
        (dict(train_cfg=dict(assigner=POINTS['assigner'])), 'train_cfg.init: RepPointsHead needs'),
        (dict(train_cfg=dict(STAGES, init=dict(POINTS, debug=True))), 'train_cfg.init.debug: Fals'),
        (dict(train_cfg=dict(STAGES, refine=dict(BOXES, odd=1))), "train_cfg.refine: no key 'odd'"),
        (
            dict(train_cfg=dict(STAGES, refine=dict(assigner=dict(type='SimOTAAssigner')))),
            'train_cfg.refine.assigner: SimOTAAssigner does not fit RepPointsHead',
        ),
    ],
)
def test_mistakes(changes, message) -> None:
    with pytest.raises(ConfigError, match=message):
        head(**changes)
