"""Gradient harmonised losses (GHM, Li et al. 2019): what many priors have alike counts less.

Entries are sorted into bins by how large their gradient is, and each bin counts as much as any
other. As in mmdet the levels of a head are looked at one after the other, and with `momentum` the
number of entries in a bin goes on from level to level and from step to step.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.losses import one_hot
from mmlite.registry import LOSSES


class GradientBins(nn.Module):
    """What both losses share: the bins of a gradient in [0, 1] and what an entry of each weighs.

    Args:
        bins: number of bins.
        momentum: share that the number of entries so far has in a bin's number; 0 for none.
        loss_weight: factor on the result.
    """

    largest: float  # of the gradient

    def __init__(self, bins: int, momentum: float, loss_weight: float) -> None:
        super().__init__()
        edges = torch.arange(bins + 1).float() / bins
        edges[-1] = self.largest
        self.register_buffer('edges', edges)
        if momentum > 0:
            self.register_buffer('acc_sum', torch.zeros(bins))
        self.momentum = momentum
        self.loss_weight = loss_weight
        self.num_per_level: list[int] | None = None

    def set_levels(self, num_per_level: list[int]) -> None:
        """Says how many priors each level has, before a step; without it all are one level."""
        self.num_per_level = num_per_level

    @torch.no_grad()
    def weights(self, gradient: Tensor, valid: Tensor) -> Tensor:
        """What each entry counts, so that all bins that are not empty count the same.

        Args:
            gradient: any shape, in [0, 1].
            valid: of that shape, False for entries that do not count.
        """
        bins = len(self.edges) - 1
        index = torch.bucketize(gradient.contiguous(), self.edges, right=True) - 1
        index = index.clamp(0, bins - 1)
        # whole numbers: float32 stops counting at 2^24, which a level of large images has
        count = index.new_zeros(bins).index_add(0, index.flatten(), valid.flatten().long())
        count = count.type_as(self.edges)  # (bins,)
        filled, smooth = count > 0, count
        if self.momentum > 0:
            mixed = self.momentum * self.acc_sum + (1 - self.momentum) * count
            self.acc_sum.copy_(mixed.where(filled, self.acc_sum))
            smooth = self.acc_sum
        of_bin = (1 / smooth / filled.sum().clamp(min=1)).where(filled, 0)
        return of_bin[index].where(valid, 0)


@LOSSES.register_module()
class GHMC(GradientBins):
    """Binary cross entropy of scores (section 3.3).

    Args (others as of GradientBins):
        use_sigmoid: True; mmdet's configs carry it.
    """

    largest = 1 + 1e-6
    takes_scores = weighs_priors = False

    def __init__(
        self,
        bins: int = 10,
        momentum: float = 0,
        use_sigmoid: bool = True,
        loss_weight: float = 1.0,
    ) -> None:
        if not use_sigmoid:
            raise ConfigError('GHMC: use_sigmoid=False is not defined; leave it out')
        super().__init__(bins, momentum, loss_weight)

    def forward(self, cls_score: Tensor, labels: Tensor, avg_factor: Tensor) -> Tensor:
        """Returns a scalar.

        Args:
            cls_score: (N, R, C) logits.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            avg_factor: not looked at: bins take its place.
        """
        targets = one_hot(labels, cls_score.shape[-1]).type_as(cls_score)  # (N, R) -> (N, R, C)
        valid = (labels >= 0)[..., None].expand_as(targets)
        loss = F.binary_cross_entropy_with_logits(cls_score, targets, reduction='none')
        gradient = (cls_score.detach().sigmoid() - targets).abs()
        sizes = self.num_per_level or [labels.shape[1]]
        parts = zip(*(t.split(sizes, dim=1) for t in (loss, gradient, valid)), strict=True)
        # L of (N, R_l, C)
        total = sum((part * self.weights(g, counts)).sum() for part, g, counts in parts)
        return self.loss_weight * total

    @staticmethod
    def num_outputs(num_classes: int) -> int:
        return num_classes

    @staticmethod
    def scores(cls_score: Tensor) -> Tensor:
        """(..., C) logits -> (..., C) probabilities, each class for itself."""
        return cls_score.sigmoid()


@LOSSES.register_module()
class GHMR(GradientBins):
    """A smooth L1 of deltas (section 3.4): sqrt(d^2 + mu^2) - mu.

    Args (others as of GradientBins):
        mu: where the square turns into a line.
    """

    largest = 1e3
    on_decoded = False

    def __init__(
        self, mu: float = 0.02, bins: int = 10, momentum: float = 0, loss_weight: float = 1.0
    ) -> None:
        super().__init__(bins, momentum, loss_weight)
        self.mu = mu

    def forward(self, pred: Tensor, target: Tensor, avg_factor: Tensor, weight: Tensor) -> Tensor:
        """Returns a scalar.

        Args:
            pred, target: (P, 4) deltas, P = N * R.
            avg_factor: not looked at: bins take its place.
            weight: (P,), 0 for a prior that has no box to find.
        """
        off = pred - target
        loss = (off**2 + self.mu**2).sqrt()
        gradient = (off.detach() / loss.detach()).abs()
        valid = (weight > 0)[:, None].expand_as(off)
        sizes = self.num_per_level or [len(pred)]
        # 3 of (N * R, 4) -> (N, R, 4) -> L of (N, R_l, 4)
        entries = (t.reshape(-1, sum(sizes), 4) for t in (loss - self.mu, gradient, valid))
        parts = zip(*(t.split(sizes, dim=1) for t in entries), strict=True)
        total = sum((part * self.weights(g, counts)).sum() for part, g, counts in parts)
        return self.loss_weight * total
