"""Box losses that mmdet has beside the usual ones of `box_losses`. P boxes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from mmlite.models.box_losses import BoxLoss
from mmlite.ops.boxes import aligned_iou
from mmlite.registry import LOSSES


@LOSSES.register_module()
class BalancedL1Loss(BoxLoss):
    """L1 on deltas whose gradient is larger for boxes that are nearly right (Libra R-CNN, eq. 8).

    Args (Pang et al. 2019):
        alpha: smaller for more gradient near 0.
        gamma: largest gradient.
        beta: where the curve turns into a line.
        loss_weight: factor on the result.
    """

    on_decoded = False

    def __init__(
        self, alpha: float = 0.5, gamma: float = 1.5, beta: float = 1.0, loss_weight: float = 1.0
    ) -> None:
        super().__init__(loss_weight)
        self.alpha, self.gamma, self.beta = alpha, gamma, beta

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns the sum over the four deltas (P,)."""
        off = (pred - target).abs()
        b = math.exp(self.gamma / self.alpha) - 1
        near = self.alpha / b * (b * off + 1) * torch.log(b * off / self.beta + 1)
        near = near - self.alpha * off
        far = self.gamma * off + self.gamma / b - self.alpha * self.beta
        return near.where(off < self.beta, far).sum(dim=1)  # (P, 4) -> (P,)


@LOSSES.register_module()
class BoundedIoULoss(BoxLoss):
    """Smooth L1 of the largest IoU that each of centre and sides allows (Tychsen-Smith 2018, 3.2).

    Args:
        beta: where the square turns into a line.
        eps: added to sides.
        loss_weight: factor on the result.
    """

    on_decoded = True

    def __init__(self, beta: float = 0.2, eps: float = 1e-3, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.beta, self.eps = beta, eps

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns the sum over centre and sides (P,)."""
        center, sides = _center_and_sides(pred)  # each (P, 2)
        true_center, true_sides = _center_and_sides(target)
        off = 2 * (true_center - center).abs()
        of_center = 1 - ((true_sides - off) / (true_sides + off + self.eps)).clamp(min=0)
        ratio, inverse = true_sides / (sides + self.eps), sides / (true_sides + self.eps)
        loss = torch.cat([of_center, 1 - torch.minimum(ratio, inverse)], dim=1)  # (P, 4)
        square = loss.square() / (2 * self.beta)
        return square.where(loss < self.beta, loss - self.beta / 2).sum(dim=1)


@LOSSES.register_module()
class EIoULoss(BoxLoss):
    """1 - an IoU that is negative for boxes apart, smooth near 0 (Peng et al. 2021, "Systematic").

    Args:
        smooth_point: where the square turns into a line.
        eps: added to the union.
        loss_weight: factor on the result.
    """

    on_decoded = True

    def __init__(
        self, smooth_point: float = 0.1, eps: float = 1e-7, loss_weight: float = 1.0
    ) -> None:
        super().__init__(loss_weight)
        self.smooth_point, self.eps = smooth_point, eps

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,)."""
        outer = torch.minimum(pred[:, :2], target[:, :2])  # top left of the enclosing box, (P, 2)
        first = torch.maximum(pred[:, :2], target[:, :2]) - outer
        second = torch.minimum(pred[:, 2:], target[:, 2:]) - outer
        low, high = torch.minimum(first, second), torch.maximum(first, second)
        # the signed overlap: what lies between boxes that are apart counts against it
        overlap = second.prod(1) + low.prod(1) - first[:, 0] * high[:, 1] - high[:, 0] * first[:, 1]
        areas = (pred[:, 2:] - pred[:, :2]).prod(1) + (target[:, 2:] - target[:, :2]).prod(1)
        loss = 1 - overlap / (areas - overlap + self.eps)
        square = loss.square() / (2 * self.smooth_point)
        return square.where(loss < self.smooth_point, loss - self.smooth_point / 2)


@LOSSES.register_module()
class SIoULoss(BoxLoss):
    """1 - IoU, with costs of distance by its angle, and of shape (Gevorgyan 2022).

    Args:
        eps: added to areas, sides and distances.
        neg_gamma: gamma negative, as in the paper; mmdet's default makes boxes apart cost less.
        loss_weight: factor on the result.
    """

    on_decoded = True

    def __init__(
        self, eps: float = 1e-7, neg_gamma: bool = False, loss_weight: float = 1.0
    ) -> None:
        super().__init__(loss_weight)
        self.eps, self.neg_gamma = eps, neg_gamma

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,), 0 to 2."""
        corners = torch.minimum(pred[:, :2], target[:, :2]), torch.maximum(pred, target)[:, 2:]
        enclosing = (corners[1] - corners[0]).clamp(min=0)  # (P, 2), width and height
        (center, sides), (true_center, true_sides) = map(_center_and_sides, (pred, target))
        off = true_center - center + self.eps  # (P, 2)
        sine = off.abs() / off.norm(dim=1, keepdim=True)
        # of the smaller of the two angles, that to the x axis or that to the y axis
        sine = sine[:, 1].where(sine[:, 1] <= math.sin(math.pi / 4), sine[:, 0])  # (P,)
        angle = torch.cos(2 * sine.asin() - math.pi / 2)
        gamma = (angle - 2 if self.neg_gamma else 2 - angle)[:, None]
        distance = (1 - torch.exp(gamma * (off / enclosing).square())).sum(dim=1)
        # as in mmdet heights are a little larger
        more = sides.new_tensor([0, self.eps])
        sides, true_sides = sides + more, true_sides + more
        differ = (sides - true_sides).abs() / torch.maximum(sides, true_sides)
        shape = (1 - torch.exp(-differ)).pow(4).sum(dim=1)
        return 1 - (aligned_iou(pred, target) - (distance + shape) / 2).clamp(-1, 1)


def _center_and_sides(bboxes: Tensor) -> tuple[Tensor, Tensor]:
    """xyxy (P, 4) -> centre (P, 2) and width, height (P, 2)."""
    return (bboxes[:, :2] + bboxes[:, 2:]) / 2, bboxes[:, 2:] - bboxes[:, :2]
