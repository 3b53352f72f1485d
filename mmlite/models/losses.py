"""Losses. Each is a scalar: the sum over the priors that count, over `avg_factor`.

A classification loss also knows what it needs of the head: `num_outputs(C)` logits per prior, and
`scores(logits)` -> (..., C) probabilities of the object classes. A box loss says with `on_decoded`
whether it compares boxes in pixels or encoded deltas. The shift between background 0 and the
object classes 1..C lives here and nowhere else in a head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.registry import LOSSES


@LOSSES.register_module()
class HardNegativeCrossEntropyLoss(nn.Module):
    """Softmax cross entropy on positives and the hardest negatives (SSD, section 2.2).

    Args:
        neg_pos_ratio: negatives per positive, in each image for itself.
        loss_weight: factor on the result.
    """

    def __init__(self, neg_pos_ratio: float = 3, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.neg_pos_ratio = neg_pos_ratio
        self.loss_weight = loss_weight

    def forward(self, cls_score: Tensor, labels: Tensor, avg_factor: Tensor) -> Tensor:
        """Returns a scalar.

        Args:
            cls_score: (N, R, C + 1) logits, background first.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            avg_factor: scalar.
        """
        # float32: an fp16 log-sum-exp over thousands of priors is too coarse to rank them
        logits = cls_score.float().transpose(1, 2)
        loss = F.cross_entropy(logits, labels, ignore_index=-1, reduction='none')
        pos = labels > 0
        background_loss = torch.where(labels == 0, loss.detach(), -1)
        rank = background_loss.argsort(dim=1, descending=True).argsort(dim=1)
        num_hard = self.neg_pos_ratio * pos.sum(dim=1, keepdim=True)
        hard = (labels == 0) & (rank < num_hard)
        return self.loss_weight * loss[pos | hard].sum() / avg_factor

    @staticmethod
    def num_outputs(num_classes: int) -> int:
        return num_classes + 1

    @staticmethod
    def scores(cls_score: Tensor) -> Tensor:
        """(..., C + 1) logits -> (..., C) probabilities."""
        return cls_score.float().softmax(dim=-1)[..., 1:]


@LOSSES.register_module()
class SmoothL1Loss(nn.Module):
    """Smooth L1 on encoded deltas (Fast R-CNN, Girshick 2015, equation 3).

    Args:
        beta: where the square turns into a line.
        loss_weight: factor on the result.
    """

    on_decoded = False

    def __init__(self, beta: float = 1.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.beta = beta
        self.loss_weight = loss_weight

    def forward(self, bbox_pred: Tensor, bbox_targets: Tensor, avg_factor: Tensor) -> Tensor:
        """Returns a scalar from predictions and targets (P, 4) of the positive priors."""
        loss = F.smooth_l1_loss(bbox_pred.float(), bbox_targets, reduction='sum', beta=self.beta)
        return self.loss_weight * loss / avg_factor
