"""Box losses: a scalar, the sum over the priors with a box to find, over `avg_factor`.

Each says with `on_decoded` whether it compares boxes in pixels or encoded deltas, and may weigh
each box. The head hands them float32, also in mixed precision.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import distance_box_iou_loss, generalized_box_iou_loss

from mmlite.errors import ConfigError
from mmlite.ops.boxes import aligned_iou
from mmlite.registry import LOSSES


class BoxLoss(nn.Module):
    """What box losses share: a subclass writes `per_box`.

    Args:
        loss_weight: factor on the result.
    """

    on_decoded: bool

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, pred: Tensor, target: Tensor, avg_factor: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Returns a scalar.

        Args:
            pred, target: (P, 4); boxes where `on_decoded`, else deltas.
            avg_factor: scalar.
            weight: (P,), 0 for a prior that has no box to find; None for 1.
        """
        loss = self.per_box(pred, target)  # (P, 4), (P, 4) -> (P,)
        loss = loss if weight is None else (loss * weight).where(weight > 0, 0)
        return self.loss_weight * loss.sum() / avg_factor

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,)."""
        raise NotImplementedError


@LOSSES.register_module()
class L1Loss(BoxLoss):
    """L1 on encoded deltas."""

    on_decoded = False

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns the sum over the four deltas (P,)."""
        return (pred - target).abs().sum(dim=1)  # (P, 4) -> (P,)


@LOSSES.register_module()
class SmoothL1Loss(BoxLoss):
    """Smooth L1 on encoded deltas (Fast R-CNN, Girshick 2015, equation 3).

    Args:
        beta: where the square turns into a line.
        loss_weight: factor on the result.
    """

    on_decoded = False

    def __init__(self, beta: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.beta = beta

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns the sum over the four deltas (P,)."""
        # (P, 4) -> (P,)
        return F.smooth_l1_loss(pred, target, reduction='none', beta=self.beta).sum(dim=1)


@LOSSES.register_module()
class MSELoss(BoxLoss):
    """The square of the difference on encoded deltas."""

    on_decoded = False

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns the sum over the deltas (P,)."""
        return (pred - target).square().sum(dim=1)  # (P, 4), or fewer deltas -> (P,)


@LOSSES.register_module()
class IoULoss(BoxLoss):
    """IoU loss on boxes (UnitBox, Yu et al. 2016, section 3.1).

    Args:
        mode: 'log' for -log(IoU), 'linear' for 1 - IoU, 'square' for 1 - IoU^2.
        linear: mmdet 2.x's word for mode='linear'.
        eps: least IoU, so that the logarithm ends.
        loss_weight: factor on the result.

    Raises:
        ConfigError: an unknown mode.
    """

    on_decoded = True

    def __init__(
        self,
        mode: str = 'log',
        linear: bool = False,
        eps: float = 1e-6,
        loss_weight: float = 1.0,
    ) -> None:
        super().__init__(loss_weight)
        if mode not in ('log', 'linear', 'square'):
            raise ConfigError(f"IoULoss: mode is 'log', 'linear' or 'square', found {mode!r}")
        self.mode = 'linear' if linear else mode
        self.eps = eps

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,)."""
        iou = aligned_iou(pred, target).clamp(min=self.eps)  # (P, 4), (P, 4) -> (P,)
        if self.mode == 'log':
            return -iou.log()
        return 1 - (iou if self.mode == 'linear' else iou**2)


@LOSSES.register_module()
class GIoULoss(BoxLoss):
    """1 - generalised IoU (Rezatofighi et al. 2019, algorithm 2).

    Args:
        eps: added to areas, so that none is 0.
        loss_weight: factor on the result.
    """

    on_decoded = True

    def __init__(self, eps: float = 1e-7, loss_weight: float = 1.0) -> None:
        super().__init__(loss_weight)
        self.eps = eps

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,), 0 to 2."""
        return generalized_box_iou_loss(pred, target, eps=self.eps)


@LOSSES.register_module()
class DIoULoss(GIoULoss):
    """1 - distance IoU: centres far apart cost as well (Zheng et al. 2020, equation 7)."""

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,), 0 to 2."""
        return distance_box_iou_loss(pred, target, eps=self.eps)


@LOSSES.register_module()
class CIoULoss(DIoULoss):
    """1 - complete IoU: another ratio of the sides costs as well (Zheng et al. 2021, equation 12).

    As in mmdet the ratio counts only above IoU 0.5; torchvision's counts it everywhere.
    """

    def per_box(self, pred: Tensor, target: Tensor) -> Tensor:
        """Returns (P,), 0 to 2."""
        turn = _angle(target, self.eps) - _angle(pred, self.eps)
        aspect = 4 / math.pi**2 * turn.square()
        with torch.no_grad():
            iou = aligned_iou(pred, target)
            alpha = (iou > 0.5) * aspect / (1 - iou + aspect + self.eps)
        return (super().per_box(pred, target) + alpha * aspect).clamp(0, 2)


def _angle(bboxes: Tensor, eps: float) -> Tensor:
    """The angle of the diagonal to the vertical, (P,)."""
    width, height = (bboxes[:, 2:] - bboxes[:, :2]).unbind(dim=1)  # (P, 2) -> (P,) and (P,)
    return torch.atan(width / (height + eps))
