"""One sentence that says what results are worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlite.evaluation.class_curves import ClassCurve, best_thresholds
from mmlite.evaluation.confusion import image_counts
from mmlite.evaluation.error_types import Judged
from mmlite.support.words import counted

_FEW_BOXES = 20  # of a class: one box more or less changes its AP by several points


def results_verdict(judged: Judged, curves: Sequence[ClassCurve], classes: Sequence[str]) -> str:
    """Returns what was found, what is wrong, and the weakest class, at an IoU of 0.5.

    Detections count from the score threshold of the best F1 of each class. It was chosen on these
    images, so other images give a little less; the sentence says so.
    """
    total = len(judged.gt_label)
    if not total:
        return 'No box is annotated in these images: the detections can be neither right nor wrong.'
    counts = image_counts(judged, best_thresholds(curves))
    right, wrong = int(counts.right.sum()), int(counts.wrong.sum())
    if not right:
        return f'Finds none of {counted(total, "object")} at an IoU of 0.5 or more.'
    shown = right + wrong
    errors = f'{wrong or "none"} of {counted(shown, "detection")} {_is_are(wrong)} wrong'
    share = f' ({wrong / shown:.0%})' if wrong else ''
    return (
        f'Finds {right} of {counted(total, "object")} ({right / total:.0%}), and {errors}{share}, '
        f'{_at_thresholds(curves)}{_weakest(curves, classes)}.'
    )


def _at_thresholds(curves: Sequence[ClassCurve]) -> str:
    scores = [curve.best()[0] for curve in curves if curve.num_gts]
    low, high = f'{min(scores):.2f}', f'{max(scores):.2f}'
    if low == high:
        return f'at a score of {low} or more, the best threshold for these images'
    return f'at scores from {low} to {high}, the best threshold of each class for these images'


def _weakest(curves: Sequence[ClassCurve], classes: Sequence[str]) -> str:
    present = [c for c, curve in enumerate(curves) if curve.num_gts]
    if len(present) < 2:
        return ''
    weakest = present[int(np.argmin([curves[c].ap for c in present]))]
    curve = curves[weakest]
    few = f' of only {counted(curve.num_gts, "box")}' if curve.num_gts < _FEW_BOXES else ''
    return f'; weakest class: {classes[weakest]} (AP {curve.ap:.2f}{few})'


def _is_are(number: int) -> str:
    return 'is' if number < 2 else 'are'
