"""Probabilistic anchor assignment: of the candidates of a box, those that learn it well (PAA)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.ops.assignment import (
    BACKGROUND,
    Assignment,
    PredictionAssigner,
    Predictions,
    as_assignment,
)
from mmlite.support.extras import needed

_PRECISION_SHAPES = dict(spherical=(2,), diag=(2, 1), tied=(1, 1), full=(2, 1, 1))

LossOfEach = Callable[[Predictions, Tensor, Tensor], Tensor]


class ProbabilisticAssigner(PredictionAssigner):
    """Keeps the candidates of a box whose loss belongs to the lower of two groups.

    PAA (Kim and Lee 2020, section 3.1): a mixture of two normal distributions is fitted to the
    losses of the `topk` best candidates of each level; kept are those up to the most probable one
    of the lower group. It is deterministic: the mixture starts at the least and the largest loss,
    with equal weights, so nothing is drawn. A box with fewer than two candidates gets none.

    Args:
        candidates: assigner that finds the candidates by priors only.
        losses: (predictions at m candidates, boxes (m, 4), labels (m,)) -> losses (m,).
        topk: candidates of a box in each level.
        covariance_type: of scikit-learn's GaussianMixture.

    Raises:
        ConfigError: there is no such `covariance_type`, or `candidates` needs predictions.
    """

    def __init__(
        self, candidates: Any, losses: LossOfEach, topk: int = 9, covariance_type: str = 'diag'
    ) -> None:
        if covariance_type not in _PRECISION_SHAPES:
            known = ', '.join(_PRECISION_SHAPES)
            raise ConfigError(
                f'covariance_type: one of {known} expected, found {covariance_type!r}'
            )
        if getattr(candidates, 'needs_predictions', False):
            raise ConfigError(
                'model.train_cfg.assigner: PAAHead needs one that looks at priors only, such as '
                f'MaxIoUAssigner, found {type(candidates).__name__}'
            )
        self.candidates = candidates
        self.losses = losses
        self.topk = topk
        self.covariance_type = covariance_type

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None,
        gt_labels: Tensor,
        predictions: Predictions,
    ) -> Assignment:
        """Returns for each prior the index of a box, BACKGROUND or IGNORE."""
        found = self.candidates(priors, num_per_level, gt_bboxes, gt_bboxes_ignore)
        indices = as_assignment(found).indices
        inds = (indices >= 0).nonzero()[:, 0]  # (m,)
        gt = indices[inds]
        losses = self.losses(predictions[inds], gt_bboxes[gt], gt_labels[gt])
        level = torch.arange(len(num_per_level)).repeat_interleave(torch.tensor(num_per_level))
        kept = self._kept(losses.cpu(), gt.cpu(), level[inds.cpu()]).to(inds.device)
        assigned = indices.where(indices < 0, BACKGROUND)
        assigned[inds[kept]] = gt[kept]
        return Assignment(assigned)

    def _kept(self, losses: Tensor, gt: Tensor, level: Tensor) -> Tensor:
        """The places of the candidates that are kept, from loss, box and level of each (m,)."""
        kept = [torch.empty(0, dtype=torch.int64)]
        order = losses.argsort(stable=True)
        for box in gt.unique():
            own = order[gt[order] == box]  # best first
            best = [own[level[own] == of_level][: self.topk] for of_level in level[own].unique()]
            places = torch.cat(best)
            places = places[losses[places].argsort(stable=True)]
            if len(places) > 1:
                kept.append(places[self._lower_group(losses[places].numpy()[:, None])])
        return torch.cat(kept)

    def _lower_group(self, losses: np.ndarray) -> Tensor:
        """Which of the losses (m, 1), the least first, belong to the positives: indices."""
        if not np.isfinite(losses).all():
            # scikit-learn would end the run, before the losses show what is not finite
            return torch.empty(0, dtype=torch.int64)
        mixture = needed('sklearn.mixture', 'PAAHead', "'mmlite[paa]'").GaussianMixture(
            2,
            weights_init=np.array([0.5, 0.5]),
            means_init=np.array([[losses.min()], [losses.max()]]),
            precisions_init=np.ones(_PRECISION_SHAPES[self.covariance_type]),
            covariance_type=self.covariance_type,
        )
        lower = np.flatnonzero(mixture.fit(losses).predict(losses) == 0)
        if not len(lower):
            return torch.empty(0, dtype=torch.int64)
        probable = mixture.score_samples(losses)[lower].argmax()
        return torch.from_numpy(lower[: probable + 1])
