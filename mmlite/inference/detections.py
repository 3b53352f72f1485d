"""What a detector found in one image, and the forms that other programs want it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlite.evaluation.results import bbox2result
from mmlite.support.extras import needed


@dataclass(frozen=True)
class Detections:
    """The n detections in one image, best first. `det['bboxes']` is `det.bboxes`.

    Args:
        bboxes: (n, 4) float32, xyxy in pixels of the image.
        scores: (n,) float32.
        labels: (n,) int64, 1..C.
        classes: the C names; label c is classes[c - 1].
    """

    bboxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, key: str) -> np.ndarray:
        """Also reads as the dict that a detector's `predict` returns."""
        return getattr(self, key)

    @property
    def names(self) -> list[str]:
        """The class name of each detection."""
        return [self.classes[label - 1] for label in self.labels]

    def above(self, score_thr: float) -> Detections:
        """Returns the detections that score at least so much."""
        kept = self.scores >= score_thr
        return Detections(self.bboxes[kept], self.scores[kept], self.labels[kept], self.classes)

    def to_lists(self) -> list[np.ndarray]:
        """Returns mmdet 2.x's result: C arrays (k, 5) of x1, y1, x2, y2, score."""
        return bbox2result(self, len(self.classes))

    def to_supervision(self) -> Any:
        """Returns a `supervision.Detections`, for its annotators, trackers and zones.

        Its class_id counts from 0; the names are in `data['class_name']`.

        Raises:
            ConfigError: the package is not there.
        """
        supervision = needed('supervision', 'to_supervision()', 'supervision')
        return supervision.Detections(
            xyxy=self.bboxes,
            confidence=self.scores,
            class_id=self.labels - 1,
            data=dict(class_name=np.array(self.names, str)),
        )
