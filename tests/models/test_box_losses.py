"""Box losses by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.box_losses import CIoULoss, DIoULoss, GIoULoss, IoULoss, L1Loss, SmoothL1Loss

ONE = torch.tensor(1.0)


@pytest.mark.parametrize(
    ('beta', 'expected'),
    [
        (1.0, 0.5 * 0.5**2 + (3 - 0.5)),  # a square below 1, |d| - 1/2 above
        (0.1, (0.5 - 0.05) + (3 - 0.05)),  # both beyond 0.1: |d| - beta / 2
    ],
)
def test_smooth_l1(beta, expected):
    pred, target = Tensor([[0.5, 0, 1, 7]]), Tensor([[0, 0, 1, 10]])
    loss = SmoothL1Loss(beta=beta, loss_weight=3)(pred, target, torch.tensor(2.0))
    assert loss.item() == pytest.approx(3 * expected / 2)


def test_smooth_l1_of_no_boxes_is_zero_and_differentiable():
    pred = torch.zeros(0, 4, requires_grad=True)
    loss = SmoothL1Loss()(pred, torch.zeros(0, 4), ONE)
    loss.backward()
    assert loss.item() == 0


def test_l1_of_the_four_deltas_with_weights():
    pred, target = Tensor([[1, 0, -2, 0], [3, 3, 3, 3]]), torch.zeros(2, 4)
    # sums 3 and 12, weighed 3 * 0.5 + 12 * 0.25 = 4.5; times 2 over 3
    loss = L1Loss(loss_weight=2)(pred, target, torch.tensor(3.0), weight=Tensor([0.5, 0.25]))
    assert loss.item() == pytest.approx(3)


# 10 x 10 at the origin; its right half is shared with the other: IoU 50 / 150 = 1/3
BOX, SHIFTED = Tensor([[0, 0, 10, 10]]), Tensor([[5, 0, 15, 10]])


@pytest.mark.parametrize(
    ('loss', 'expected'),
    [
        (IoULoss(), math.log(3)),
        (IoULoss(mode='linear'), 2 / 3),
        (IoULoss(linear=True), 2 / 3),
        (IoULoss(mode='square'), 1 - 1 / 9),
        # both lie in 15 x 10, which they fill
        (GIoULoss(), 2 / 3),
        # centres 5 apart, diagonal of 15 x 10: 25 / 325
        (DIoULoss(), 2 / 3 + 25 / 325),
        # the same ratio of the sides
        (CIoULoss(), 2 / 3 + 25 / 325),
    ],
)
def test_iou_losses(loss, expected):
    assert loss.on_decoded
    assert loss(BOX, SHIFTED, ONE).item() == pytest.approx(expected, rel=1e-5)
    assert loss(BOX, BOX, ONE).item() == pytest.approx(0, abs=1e-5)


def test_boxes_apart():
    # 10 x 10 each, 10 between them: IoU 0, the hull 30 x 10 is 100 of 300 empty
    apart = Tensor([[20, 0, 30, 10]])
    assert IoULoss()(BOX, apart, ONE).item() == pytest.approx(-math.log(1e-6))
    assert GIoULoss()(BOX, apart, ONE).item() == pytest.approx(1 + 1 / 3)
    assert DIoULoss()(BOX, apart, ONE).item() == pytest.approx(1 + 400 / 1000)


def test_ciou_counts_the_ratio_of_the_sides_above_half():
    # 10 x 10 and 10 x 8 on one corner: IoU 0.8, centres 1 apart, diagonal^2 200
    flat = Tensor([[0, 0, 10, 8]])
    aspect = 4 / math.pi**2 * (math.atan(1) - math.atan(10 / 8)) ** 2
    expected = 0.2 + 1 / 200 + aspect * aspect / (0.2 + aspect)
    assert CIoULoss()(flat, BOX, ONE).item() == pytest.approx(expected, rel=1e-5)
    # 10 x 10 and 10 x 4: IoU 0.4, and the ratio does not count; centres 3 apart
    flatter = Tensor([[0, 0, 10, 4]])
    assert CIoULoss()(flatter, BOX, ONE).item() == pytest.approx(0.6 + 9 / 200, rel=1e-5)


@pytest.mark.parametrize('loss', [IoULoss(), GIoULoss(), DIoULoss(), CIoULoss(), L1Loss()])
def test_gradients_are_finite_for_boxes_without_an_area(loss):
    pred = torch.zeros(3, 4, requires_grad=True)
    total = loss(pred, Tensor([[0, 0, 4, 4], [9, 9, 9, 9], [0, 0, 0, 0]]), ONE)
    total.backward()
    assert total.isfinite() and pred.grad.isfinite().all()


def test_unknown_mode():
    with pytest.raises(ConfigError, match="'log', 'linear' or 'square', found 'cube'"):
        IoULoss(mode='cube')
