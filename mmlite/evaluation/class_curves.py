"""Precision, recall and F1 of each class over the score threshold, and what errors cost in AP.

Letters: D detections, C classes. AP is the area under the curve, as VOC measures since 2010.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmlite.evaluation.error_types import ERRORS, Judged, Kind
from mmlite.evaluation.mean_ap import average_precision

NO_HIT_THRESHOLD = 0.3  # of a class of which nothing was found: no threshold is better than others


@dataclass(frozen=True, eq=False)
class ClassCurve:
    """One class; n distinct scores.

    Attributes:
        num_gts: its boxes.
        ap: the area under the curve, 0 without boxes.
        scores: (n,) falling; what follows counts the detections of at least that score.
        recall, precision: (n,).
    """

    num_gts: int
    ap: float
    scores: np.ndarray
    recall: np.ndarray
    precision: np.ndarray

    @property
    def f1(self) -> np.ndarray:
        """(n,) 2 p r / (p + r)."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / np.maximum(total, 1e-12)

    def best(self) -> tuple[float, float, float, float]:
        """Returns the threshold of the best F1, and there F1, precision and recall."""
        if not len(self.scores) or self.f1.max() == 0:
            return NO_HIT_THRESHOLD, 0.0, 0.0, 0.0
        at = int(self.f1.argmax())
        values = (self.scores, self.f1, self.precision, self.recall)
        return tuple(float(value[at]) for value in values)


def class_curves(judged: Judged) -> list[ClassCurve]:
    """Returns the curve of each class, label 1 first; IGNORED detections do not count."""
    num_gts = judged.num_gts
    counted = judged.kind != Kind.IGNORED
    curves = []
    for c in range(judged.num_classes):
        own = np.flatnonzero(counted & (judged.label == c + 1))
        own = own[np.argsort(-judged.scores[own], kind='stable')]
        scores, right = judged.scores[own], judged.kind[own] == Kind.RIGHT
        found = np.cumsum(right)
        recall, precision = found / max(num_gts[c], 1), found / np.arange(1, len(own) + 1)
        last = np.diff(scores, append=-np.inf) != 0  # a threshold lets in all of a score or none
        curves.append(
            ClassCurve(
                int(num_gts[c]),
                average_precision(recall, precision, 'area'),
                scores[last],
                recall[last],
                precision[last],
            )
        )
    return curves


def best_thresholds(curves: Sequence[ClassCurve]) -> np.ndarray:
    """Returns the score of the best F1 of each class, (C,)."""
    return np.array([curve.best()[0] for curve in curves])


def mean_ap_of(judged: Judged) -> float:
    """Returns the mean AP of the classes that have boxes, 0 if none has."""
    num_gts = judged.num_gts
    counted = judged.kind != Kind.IGNORED
    right = judged.kind == Kind.RIGHT
    return _mean_ap(judged.label, judged.scores, right, counted, num_gts, num_gts > 0)


def ap_gains(judged: Judged) -> dict[str, float]:
    """Returns by how much the mean AP would rise without the errors of one kind: TIDE's dAP.

    A box that LOCALISATION or CLASSIFICATION errors mean counts as found by the surest of them;
    the others, and those of the other kinds, are left out. Boxes missed are taken from those to
    find; a class of which no others are left has an AP of 1.
    """
    num_gts, counted = judged.num_gts, judged.kind != Kind.IGNORED
    right = judged.kind == Kind.RIGHT
    classes = num_gts > 0
    now = mean_ap_of(judged)
    surest = _surest_meaning(judged)
    gains = {}
    for kind in ERRORS:
        fixed = surest & (judged.kind == kind)
        label = judged.label.copy()
        label[fixed] = judged.gt_label[judged.gt[fixed]]
        kept = counted & ((judged.kind != kind) | fixed)
        ap = _mean_ap(label, judged.scores, right | fixed, kept, num_gts, classes)
        gains[kind.name.lower()] = ap - now
    missed = np.bincount(judged.gt_label[judged.gt_missed], minlength=judged.num_classes + 1)[1:]
    ap = _mean_ap(judged.label, judged.scores, right, counted, num_gts - missed, classes)
    return {**gains, 'missed': ap - now}


def _surest_meaning(judged: Judged) -> np.ndarray:
    """Returns (D,) which errors are the surest to mean a box that was not found."""
    meant = np.isin(judged.kind, (Kind.LOCALISATION, Kind.CLASSIFICATION))
    rows = np.flatnonzero(meant)
    rows = rows[~judged.gt_found[judged.gt[rows]]]
    rows = rows[np.argsort(-judged.scores[rows], kind='stable')]
    _, first = np.unique(judged.gt[rows], return_index=True)
    surest = np.zeros(len(meant), bool)
    surest[rows[first]] = True
    return surest


def _mean_ap(
    label: np.ndarray,
    scores: np.ndarray,
    right: np.ndarray,
    kept: np.ndarray,
    num_gts: np.ndarray,
    classes: np.ndarray,
) -> float:
    """Mean AP over `classes` (C,) of the detections `kept`; num_gts (C,) boxes are to be found."""
    order = np.flatnonzero(kept)
    order = order[np.argsort(-scores[order], kind='stable')]
    label, right = label[order], right[order]
    aps = []
    for c in np.flatnonzero(classes):
        found = np.cumsum(right[label == c + 1])
        precision = found / np.arange(1, len(found) + 1)
        ap = average_precision(found / max(num_gts[c], 1), precision, 'area')
        aps.append(ap if num_gts[c] else 1.0)
    return float(np.mean(aps)) if aps else 0.0
