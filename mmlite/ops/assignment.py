"""What an assigner may ask for beside priors and boxes, and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

BACKGROUND = -1
IGNORE = -2


@dataclass(frozen=True)
class Predictions:
    """What a head predicts at the priors, without gradients.

    Args:
        scores: (..., R, C) probabilities of the object classes, as the assigner compares them.
        bboxes: (..., R, 4), xyxy, input pixels.
        logits: (..., R, K), what the head's class layer gives.
    """

    scores: Tensor
    bboxes: Tensor
    logits: Tensor

    def __getitem__(self, index: int | Tensor) -> Predictions:
        """Those of one image of a batch, or of some priors of an image."""
        return Predictions(self.scores[index], self.bboxes[index], self.logits[index])


@dataclass(frozen=True)
class Assignment:
    """Which box each of R priors has to find.

    Args:
        indices: (R,) int64: 0..g-1 for a box, BACKGROUND or IGNORE.
        quality: (R,) in [0, 1], the score that the prior's class has to reach, 0 where it has no
            box; None where an assigner says nothing about it.
        pairs: (p, 2) int64, a prior and a box, which the assigner names beside the indices; its
            docstring says what they are for.
    """

    indices: Tensor
    quality: Tensor | None = None
    pairs: Tensor | None = None

    def spread(self, inside: slice | Tensor, count: int) -> Assignment:
        """Returns the assignment of `count` priors, IGNORE for those that are not `inside`.

        Args:
            inside: which of them the R priors are: indices (R,) int64, or a slice over all.
            count: number of priors.
        """
        if isinstance(inside, slice):
            return self
        indices = self.indices.new_full((count,), IGNORE)
        indices[inside] = self.indices
        quality, pairs = self.quality, self.pairs
        if quality is not None:
            quality = quality.new_zeros(count)
            quality[inside] = self.quality
        if pairs is not None:
            pairs = torch.stack([inside[pairs[:, 0]], pairs[:, 1]], dim=1)
        return Assignment(indices, quality, pairs)


class PredictionAssigner:
    """An assigner that compares what the head predicts: a subclass writes `__call__`."""

    needs_predictions: ClassVar[bool] = True
    gives: ClassVar[tuple[str, ...]] = ()  # what its Assignment has beside the indices

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box, BACKGROUND or IGNORE, and what it `gives`.

        Args:
            priors: (R, 4), xyxy, input pixels.
            num_per_level: how many of them each level has.
            gt_bboxes: (g, 4), as the priors.
            gt_bboxes_ignore: (k, 4), as the priors.
            gt_labels: (g,), 1..C.
            predictions: at the priors.
        """
        raise NotImplementedError


def as_assignment(found: Assignment | Tensor) -> Assignment:
    """A plugin's assigner may return the indices (R,) only."""
    return Assignment(found) if isinstance(found, Tensor) else found
