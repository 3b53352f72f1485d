"""An assigner that is asked about what the head predicts first, in the place of the priors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from mmlite.ops.assignment import Assignment, PredictionAssigner, Predictions, as_assignment


class PredictedPriors(PredictionAssigner):
    """Has an assigner take the predicted boxes for the priors, for heads that refine boxes.

    Args:
        assigner: it compares the boxes of the truth with those that are predicted at the priors.
    """

    def __init__(self, assigner: Callable[..., Assignment | Tensor]) -> None:
        self.assigner = assigner
        self.gives = getattr(assigner, 'gives', ())

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns what the assigner says of `predictions.bboxes`."""
        asks = getattr(self.assigner, 'needs_predictions', False)
        asked = [gt_labels, predictions] if asks else []
        truth = (gt_bboxes, gt_bboxes_ignore)
        return as_assignment(self.assigner(predictions.bboxes, num_per_level, *truth, *asked))
