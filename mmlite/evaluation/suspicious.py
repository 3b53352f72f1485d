"""Annotations that a model contradicts: one of the two is wrong.

Which of the two it is depends on the model: see `suspect_gate`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np

from mmlite.evaluation.error_types import Judged, Kind

NOTHING_THERE = 'nothing there?'
_REASONS = {
    Kind.BACKGROUND: 'not annotated?',
    Kind.CLASSIFICATION: 'other class?',
    Kind.LOCALISATION: 'box not tight?',
}


@dataclass(frozen=True)
class Suspicion:
    """One box to look at; coordinates are those of the original image.

    Attributes:
        file: the image.
        reason: what may be wrong.
        annotated, detected: class names, '' where there is none.
        score: of the detection; of a box that none overlaps, 0.
        iou: of the two boxes.
        x1, y1, x2, y2: the box: the annotated one, else the detected one.
    """

    file: str
    reason: str
    annotated: str
    detected: str
    score: float
    iou: float
    x1: float
    y1: float
    x2: float
    y2: float


def suspicious_labels(
    judged: Judged, thresholds: np.ndarray, files: Sequence[str], classes: Sequence[str]
) -> list[Suspicion]:
    """Returns what detections of at least their class's threshold contradict, the surest first.

    Last come the boxes that no detection of any score or class overlaps: they may be around
    nothing.

    Args:
        judged: from `judge`.
        thresholds: (C,) lowest scores.
        files: name of each image.
        classes: names of the labels.
    """
    sure = judged.scores >= np.asarray(thresholds)[judged.label - 1]
    rows = np.flatnonzero(sure & np.isin(judged.kind, list(_REASONS)))
    # of a box that one as sure has found, another detection says nothing
    found_box = np.zeros(len(judged.gt_label) + 1, bool)  # the last stands for no box, row -1
    found_box[judged.gt[sure & (judged.kind == Kind.RIGHT)]] = True
    rows = rows[~found_box[judged.gt[rows]]]
    rows = rows[np.argsort(-judged.scores[rows], kind='stable')]
    found = []
    for d in rows.tolist():
        gt = judged.gt[d]
        found.append(
            Suspicion(
                files[judged.image[d]],
                _REASONS[Kind(judged.kind[d])],
                classes[judged.gt_label[gt] - 1] if gt >= 0 else '',
                classes[judged.label[d] - 1],
                round(float(judged.scores[d]), 4),
                round(float(judged.iou[d]), 3),
                *_rounded(judged.gt_bboxes[gt] if gt >= 0 else judged.bboxes[d]),
            )
        )
    found += [
        Suspicion(
            files[judged.gt_image[gt]],
            NOTHING_THERE,
            classes[judged.gt_label[gt] - 1],
            '',
            0.0,
            0.0,
            *_rounded(judged.gt_bboxes[gt]),
        )
        for gt in _untouched(judged)
    ]
    return found


def _untouched(judged: Judged) -> list[int]:
    """Returns the boxes that no detection of their image overlaps at all."""
    missed = np.flatnonzero(judged.gt_missed)
    edges = np.searchsorted(judged.image, np.arange(judged.num_images + 1))
    untouched = []
    for gt in missed.tolist():
        image = judged.gt_image[gt]
        dets = judged.bboxes[edges[image] : edges[image + 1]]
        box = judged.gt_bboxes[gt]
        sides = np.minimum(dets[:, 2:], box[2:]) - np.maximum(dets[:, :2], box[:2])
        if not (sides > 0).all(axis=1).any():
            untouched.append(gt)
    return untouched


def suspicions_csv(suspicions: Sequence[Suspicion]) -> str:
    """Returns them as the text of a CSV file with a head."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow([field.name for field in fields(Suspicion)])
    writer.writerows(map(astuple, suspicions))
    return file.getvalue()


def _rounded(bbox: np.ndarray) -> list[float]:
    return [round(float(side), 1) for side in bbox]
