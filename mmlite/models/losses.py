"""Classification losses: a scalar, the sum over the priors that count, over `avg_factor`.

Each also says what it needs of the head: `num_outputs(C)` logits per prior, and `scores(logits)`
-> (..., C) probabilities of the object classes. The shift between background 0 and the object
classes 1..C lives here and nowhere else in a head.

A loss that judges every class for itself (`SigmoidLoss`) takes labels (N, R) or, from a head with a
quality for each prior, the scores (N, R, C) that its classes have to reach, see `soft_targets`.
Each loss says with `takes_scores` whether it does, and with `weighs_priors` whether it takes a
weight of each prior.

The head hands them float32, also in mixed precision.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss

from mmlite.errors import ConfigError
from mmlite.registry import LOSSES


@LOSSES.register_module()
class HardNegativeCrossEntropyLoss(nn.Module):
    """Softmax cross entropy on positives and the hardest negatives (SSD, section 2.2).

    Args:
        neg_pos_ratio: negatives per positive, in each image for itself.
        loss_weight: factor on the result.
    """

    takes_scores = weighs_priors = False

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
        loss = cross_entropy(cls_score, labels)  # (N, R, C + 1), (N, R) -> (N, R)
        pos, background = labels > 0, labels == 0
        # (N, R): in each row the priors of an image, the background of the largest loss first
        order = loss.detach().where(background, -1).argsort(dim=1, descending=True)
        num_hard = self.neg_pos_ratio * pos.sum(dim=1, keepdim=True)  # (N, R) -> (N, 1)
        # (R,) < (N, 1) -> (N, R), by rank; scatter_ turns it into (N, R) by prior
        is_hard = torch.arange(labels.shape[1], device=labels.device) < num_hard
        hard = torch.zeros_like(pos).scatter_(1, order, is_hard) & background
        return self.loss_weight * loss.where(pos | hard, 0).sum() / avg_factor

    @staticmethod
    def num_outputs(num_classes: int) -> int:
        return num_classes + 1

    @staticmethod
    def scores(cls_score: Tensor) -> Tensor:
        """(..., C + 1) logits -> (..., C) probabilities."""
        return cls_score.softmax(dim=-1)[..., 1:]


class SigmoidLoss(nn.Module):
    """What losses share that ask yes or no for every class: a subclass writes `per_entry`.

    Args:
        loss_weight: factor on the result.
        use_sigmoid: True; mmdet's configs carry it.
        activated: the head gives probabilities and no logits (TOOD).
    """

    takes_scores = weighs_priors = True

    def __init__(
        self, loss_weight: float = 1.0, use_sigmoid: bool = True, activated: bool = False
    ) -> None:
        super().__init__()
        if not use_sigmoid:
            name = type(self).__name__
            raise ConfigError(f'{name}: use_sigmoid=False is not defined; leave it out')
        self.loss_weight = loss_weight
        self.activated = activated

    def forward(
        self, cls_score: Tensor, targets: Tensor, avg_factor: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Returns a scalar.

        Args:
            cls_score: (N, R, C) logits, or probabilities with `activated`.
            targets: labels (N, R) int64: -1 ignore, 0 background, 1..C; or the score that each
                class has to reach (N, R, C) in [0, 1], -1 for an entry to be ignored.
            avg_factor: scalar.
            weight: (N, R) of each prior; None for 1.
        """
        counts, entries = targets >= 0, targets
        if not targets.is_floating_point():
            entries = one_hot(targets, cls_score.shape[-1])  # (N, R) -> (N, R, C)
            # (N, R, C) -> (N, R)
            loss = self.per_entry(cls_score, entries.type_as(cls_score)).sum(dim=-1)
            loss = loss.where(counts, 0)
        else:
            loss = self.per_entry(cls_score, entries.type_as(cls_score).clamp(min=0))
            loss = loss.where(counts, 0).sum(dim=-1)  # (N, R, C) -> (N, R)
        if weight is not None:
            loss = loss * weight
        return self.loss_weight * loss.sum() / avg_factor

    def per_entry(self, cls_score: Tensor, targets: Tensor) -> Tensor:
        """Logits (or probabilities) and targets (..., C) -> (..., C)."""
        raise NotImplementedError

    def scores(self, cls_score: Tensor) -> Tensor:
        """(..., C) logits -> (..., C) probabilities, each class for itself."""
        return cls_score if self.activated else cls_score.sigmoid()

    def cross_entropy(self, cls_score: Tensor, targets: Tensor) -> Tensor:
        """The binary cross entropy of each entry: (..., C), (..., C) -> (..., C)."""
        if self.activated:
            return F.binary_cross_entropy(cls_score, targets, reduction='none')
        return F.binary_cross_entropy_with_logits(cls_score, targets, reduction='none')

    @staticmethod
    def num_outputs(num_classes: int) -> int:
        return num_classes


@LOSSES.register_module()
class FocalLoss(SigmoidLoss):
    """Sigmoid focal loss: a yes or no for every class (RetinaNet, Lin et al. 2017, equation 5).

        -a_t (1 - p_t)^gamma log(p_t),  a_t = alpha where the class is there, else 1 - alpha

    Args (others as of SigmoidLoss):
        gamma: how much priors that are right already count less.
        alpha: weight of the classes that are there.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float = 0.25,
        loss_weight: float = 1.0,
        use_sigmoid: bool = True,
        activated: bool = False,
    ) -> None:
        super().__init__(loss_weight, use_sigmoid, activated)
        self.gamma = gamma
        self.alpha = alpha

    def per_entry(self, cls_score: Tensor, targets: Tensor) -> Tensor:
        """Logits (or probabilities) and targets (..., C) -> (..., C)."""
        if not self.activated:
            return sigmoid_focal_loss(cls_score, targets, self.alpha, self.gamma)
        wrong = cls_score * (1 - targets) + (1 - cls_score) * targets  # 1 - p_t
        alpha = self.alpha * targets + (1 - self.alpha) * (1 - targets)
        return alpha * wrong.pow(self.gamma) * self.cross_entropy(cls_score, targets)


@LOSSES.register_module()
class QualityFocalLoss(SigmoidLoss):
    """Focal loss towards a quality q in [0, 1] (Generalized Focal Loss, Li et al. 2020, eq. 5).

        |q - p|^beta BCE(p, q)

    Args (others as of SigmoidLoss):
        beta: how much entries count less whose p is near to q already.
    """

    def __init__(
        self,
        beta: float = 2.0,
        loss_weight: float = 1.0,
        use_sigmoid: bool = True,
        activated: bool = False,
    ) -> None:
        super().__init__(loss_weight, use_sigmoid, activated)
        self.beta = beta

    def per_entry(self, cls_score: Tensor, targets: Tensor) -> Tensor:
        """Logits (or probabilities) and targets (..., C) -> (..., C)."""
        off = (targets - self.scores(cls_score)).abs()
        return off.pow(self.beta) * self.cross_entropy(cls_score, targets)


@LOSSES.register_module()
class VarifocalLoss(SigmoidLoss):
    """Weighs a class that is there by its quality q, others down (VFNet, Zhang et al. 2021, eq. 2).

        q BCE(p, q) where q > 0, alpha p^gamma BCE(p, 0) elsewhere

    Args (others as of SigmoidLoss):
        alpha: weight of the classes that are not there.
        gamma: how much those count less that are nearly right already.
        iou_weighted: False takes 1 for the weight q.
    """

    def __init__(
        self,
        alpha: float = 0.75,
        gamma: float = 2.0,
        iou_weighted: bool = True,
        loss_weight: float = 1.0,
        use_sigmoid: bool = True,
    ) -> None:
        super().__init__(loss_weight, use_sigmoid)
        self.alpha = alpha
        self.gamma = gamma
        self.iou_weighted = iou_weighted

    def per_entry(self, cls_score: Tensor, targets: Tensor) -> Tensor:
        """Logits and targets (..., C) -> (..., C)."""
        there = targets if self.iou_weighted else torch.ones_like(targets)
        absent = self.alpha * cls_score.sigmoid().pow(self.gamma)
        return torch.where(targets > 0, there, absent) * self.cross_entropy(cls_score, targets)


@LOSSES.register_module()
class GaussianFocalLoss(SigmoidLoss):
    """Focal loss towards a heat map with a 1 at each object (CornerNet, Law and Deng 2018, eq. 1).

        (1 - p)^alpha -log(p) where the target is 1, (1 - q)^gamma p^alpha -log(1 - p) elsewhere

    Args (others as of SigmoidLoss):
        alpha: how much entries count less that are nearly right.
        gamma: how much entries near an object count less.
        pos_weight, neg_weight: factors on the first and on the second of the two.
    """

    def __init__(
        self,
        alpha: float = 2.0,
        gamma: float = 4.0,
        loss_weight: float = 1.0,
        pos_weight: float = 1.0,
        neg_weight: float = 1.0,
        activated: bool = True,
    ) -> None:
        super().__init__(loss_weight, activated=activated)
        self.alpha = alpha
        self.gamma = gamma
        self.pos_weight = pos_weight
        self.neg_weight = neg_weight

    def per_entry(self, cls_score: Tensor, targets: Tensor) -> Tensor:
        """Probabilities (or logits) and targets (..., C) -> (..., C)."""
        return self.with_peaks(cls_score, targets, targets == 1)

    def with_peaks(self, cls_score: Tensor, targets: Tensor, peaks: Tensor) -> Tensor:
        """Like `per_entry`, but `peaks` says which entries are objects, and not the 1s.

        Args:
            cls_score, targets: (..., C), see `per_entry`.
            peaks: (..., C), how often each entry counts as an object.
        """
        score, least = self.scores(cls_score), 1e-12
        there = -(score + least).log() * (1 - score).pow(self.alpha)
        absent = -(1 - score + least).log() * score.pow(self.alpha) * (1 - targets).pow(self.gamma)
        return self.pos_weight * peaks * there + self.neg_weight * absent


@LOSSES.register_module()
class CrossEntropyLoss(nn.Module):
    """Cross entropy over background and classes, or a binary one for each class.

    Args:
        use_sigmoid: a yes or no for every class, instead of one of C + 1.
        loss_weight: factor on the result.
    """

    weighs_priors = False  # not where it takes labels

    def __init__(self, use_sigmoid: bool = False, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.use_sigmoid = self.takes_scores = use_sigmoid
        self.loss_weight = loss_weight

    def forward(
        self, cls_score: Tensor, labels: Tensor, avg_factor: Tensor, weight: Tensor | float = 1.0
    ) -> Tensor:
        """Returns a scalar.

        Args:
            cls_score: logits, (N, R, C + 1) with background first, or (N, R, C) with `use_sigmoid`.
            labels: (N, R): -1 ignore, 0 background, 1..C. With `use_sigmoid` also probabilities
                of the shape of `cls_score`, any shape, such as centerness; -1 ignore here too.
            avg_factor: scalar.
            weight: of each probability, of the shape of `labels`; only for these.
        """
        if not self.use_sigmoid:
            # (N, R, C + 1), (N, R) -> (N, R) -> scalar
            loss = cross_entropy(cls_score, labels).sum()
        elif labels.is_floating_point():
            targets = labels.type_as(cls_score)
            loss = F.binary_cross_entropy_with_logits(cls_score, targets, reduction='none')
            loss = (loss.where(labels >= 0, 0) * weight).sum()
        else:
            # (N, R) -> (N, R, C)
            targets = one_hot(labels, cls_score.shape[-1]).type_as(cls_score)
            loss = F.binary_cross_entropy_with_logits(cls_score, targets, reduction='none')
            # (N, R, C), an ignored prior (N, R, 1) counts in no class -> scalar
            loss = loss.where((labels >= 0)[..., None], 0).sum()
        return self.loss_weight * loss / avg_factor

    def num_outputs(self, num_classes: int) -> int:
        return num_classes if self.use_sigmoid else num_classes + 1

    def scores(self, cls_score: Tensor) -> Tensor:
        """Logits -> (..., C) probabilities of the object classes."""
        return cls_score.sigmoid() if self.use_sigmoid else cls_score.softmax(dim=-1)[..., 1:]


def cross_entropy(cls_score: Tensor, labels: Tensor) -> Tensor:
    """Logits (..., K) and labels (...) in 0..K-1 -> (...); 0 where the label is -1."""
    # one row per prior: with the classes in the second dim torch is several times as slow
    # (N, R, K) -> (N * R, K), (N, R) -> (N * R,)
    loss = F.cross_entropy(
        cls_score.flatten(0, -2), labels.flatten(), ignore_index=-1, reduction='none'
    )
    return loss.view_as(labels)  # (N * R,) -> (N, R)


def soft_targets(labels: Tensor, quality: Tensor, num_classes: int) -> Tensor:
    """The score that each class has to reach: the quality of the prior where it is its label.

    Args:
        labels: (N, R): -1 ignore, 0 background, 1..C.
        quality: (N, R) in [0, 1].
        num_classes: C.

    Returns:
        (N, R, C): 0 for all other classes, -1 for all classes of an ignored prior.
    """
    targets = one_hot(labels, num_classes) * quality[..., None]  # (N, R) -> (N, R, C)
    return targets.where((labels >= 0)[..., None], -1)


def one_hot(labels: Tensor, num_classes: int) -> Tensor:
    """Labels (...) in -1..C -> (..., C) bool; background and ignored priors have no class."""
    classes = torch.arange(1, num_classes + 1, device=labels.device)
    return labels[..., None] == classes  # (..., 1) == (C,) -> (..., C)


def summed(part: str, cfg: dict | None) -> dict | None:
    """Returns the config of a loss of a head without `reduction='sum'`.

    mmdet's YOLOX spells it out and divides the sum itself, as all losses here do.

    Raises:
        ConfigError: another reduction.
    """
    if (cfg or {}).get('reduction', 'sum') != 'sum':
        raise ConfigError(
            f"model.bbox_head.{part}.reduction: 'sum' is expected, found {cfg['reduction']!r}"
        )
    return cfg and {key: value for key, value in cfg.items() if key != 'reduction'}
