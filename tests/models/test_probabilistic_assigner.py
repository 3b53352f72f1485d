from __future__ import annotations

import math

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.models.probabilistic_assigner import ProbabilisticAssigner
from mmlite.ops.assigners import ATSSAssigner, MaxIoUAssigner
from mmlite.ops.assignment import BACKGROUND, Predictions


def test_an_unknown_mixture_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match='one of spherical, diag, tied, full expected'):
        ProbabilisticAssigner(MaxIoUAssigner(0.5, 0.4), print, covariance_type='diagonal')


def test_candidates_come_from_priors_only() -> None:
    with pytest.raises(ConfigError, match='PAAHead needs one that looks at priors only'):
        ProbabilisticAssigner(ATSSAssigner(alpha=0.8), print)


def test_losses_that_are_not_finite_do_not_end_the_run() -> None:
    """The losses of the step are not finite either, and that is what is reported."""
    boxes = torch.tensor([[0.0, 0.0, 8.0, 8.0]]).repeat(3, 1)
    assigner = ProbabilisticAssigner(
        MaxIoUAssigner(0.1, 0.1), lambda found, *_: torch.full((len(found.bboxes),), math.nan)
    )
    predictions = Predictions(torch.zeros(3, 1), boxes, torch.zeros(3, 1))
    found = assigner(boxes, [3], boxes[:1], None, torch.tensor([1]), predictions)
    assert found.indices.tolist() == [BACKGROUND] * 3
