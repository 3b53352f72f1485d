from __future__ import annotations

import numpy as np

from mmlite.evaluation.class_curves import class_curves
from mmlite.evaluation.error_types import Judged, judge
from mmlite.evaluation.verdict import results_verdict
from tests.evaluation.judged import EMPTY, judged, strip

NONE = np.zeros((0, 5), np.float32)


def said(found: Judged, *classes: str) -> str:
    return results_verdict(found, class_curves(found), classes)


def image(*found: tuple[float, float]) -> list[np.ndarray]:
    """Detections of one class, each at x with a score, 10 wide."""
    return [np.array([strip(x, x + 10, score) for x, score in found] or NONE, np.float32)]


def truth(*starts: float) -> dict:
    return dict(
        bboxes=np.array([strip(x, x + 10) for x in starts], np.float32),
        labels=np.ones(len(starts), np.int64),
    )


def test_figures_and_the_weakest_class() -> None:
    # cat: best F1 at 0.9, one right and none wrong; dog: nothing found, threshold 0.3, where d6 of
    # score 0.3 is wrong (0.3 as float32 is a little above)
    assert said(judged(), 'cat', 'dog') == (
        'Finds 1 of 4 objects (25%), and 1 of 2 detections is wrong (50%), at scores from 0.30 to '
        '0.90, the best threshold of each class for these images; weakest class: dog (AP 0.00 of '
        'only 2 boxes).'
    )


def test_one_class_and_no_error() -> None:
    found = judge([image((0, 0.8), (20, 0.6))], [truth(0, 20)])
    assert said(found, 'cell') == (
        'Finds 2 of 2 objects (100%), and none of 2 detections is wrong, at a score of 0.60 or '
        'more, the best threshold for these images.'
    )


def test_nothing_found_and_nothing_to_find() -> None:
    assert said(judge([image()], [truth(0)]), 'cell') == (
        'Finds none of 1 object at an IoU of 0.5 or more.'
    )
    assert said(judge([image((0, 0.9))], [EMPTY]), 'cell').startswith('No box is annotated')
