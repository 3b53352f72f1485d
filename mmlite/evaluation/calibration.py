"""Does a score of 0.7 mean that 7 of 10 such detections are right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlite.evaluation.error_types import Judged, Kind


@dataclass(frozen=True, eq=False)
class Calibration:
    """Detections by their score, in bins of equal width over [0, 1].

    Attributes:
        counts: (bins,) detections.
        mean_score, precision: (bins,) of them, NaN in an empty bin.
    """

    counts: np.ndarray
    mean_score: np.ndarray
    precision: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017): mean |precision - score|, 0 for none."""
        filled = self.counts > 0
        gaps = np.abs(self.precision - self.mean_score)[filled]
        return float(np.average(gaps, weights=self.counts[filled])) if filled.any() else 0.0


def calibration(judged: Judged, bins: int = 10) -> Calibration:
    """Compares scores with the share that is right; IGNORED detections do not count.

    A score on the edge of two bins, such as 0.1, belongs to the upper one; 1 to the last.
    """
    counted = judged.kind != Kind.IGNORED
    scores = judged.scores[counted].astype(np.float64)
    right = judged.kind[counted] == Kind.RIGHT
    place = np.clip((scores * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid='ignore'):  # 0 / 0 in an empty bin
        return Calibration(
            counts,
            np.bincount(place, scores, bins) / counts,
            np.bincount(place, right, bins) / counts,
        )
