"""One hand-made image, in which each kind of detection comes once.

Boxes are strips of height 10, so that IoUs are those of lengths. Two classes.

    row  class  x1..x2
    g0   1        0..10   found
    g1   1      100..110  meant by a box of IoU 3 / 10: length 3 of 10, inside
    g2   2      200..210  taken for class 1
    g3   2      300..310  missed, nothing near
    ignored: class 1, 400..420

    row  class  x1..x2     score
    d0   1        0..10    0.9    right: g0, IoU 1
    d1   1        0..8     0.8    duplicate of d0: IoU 8 / 10 with g0
    d2   1      100..103   0.7    localisation: 3 / 10 with g1
    d3   1      200..210   0.6    classification: IoU 1 with g2
    d4   1      500..510   0.5    background
    d5   1      403..413   0.4    ignored: all of it inside
    d6   2      104..108   0.3    both: 4 / 10 with g1, of class 1
    d7   2      311..321   0.2    background: beside g3
"""

from __future__ import annotations

import numpy as np

from mmlite.evaluation.error_types import Judged, judge


def strip(x1: float, x2: float, *score: float) -> list[float]:
    return [x1, 0, x2, 10, *score]


RESULT = [
    np.array(
        [
            strip(0, 10, 0.9), strip(0, 8, 0.8), strip(100, 103, 0.7), strip(200, 210, 0.6),
            strip(500, 510, 0.5), strip(403, 413, 0.4),
        ],
        np.float32,
    ),
    np.array([strip(104, 108, 0.3), strip(311, 321, 0.2)], np.float32),
]  # fmt: skip
TRUTH = dict(
    bboxes=np.array([strip(0, 10), strip(100, 110), strip(200, 210), strip(300, 310)], np.float32),
    labels=np.array([1, 1, 2, 2]),
    bboxes_ignore=np.array([strip(400, 420)], np.float32),
    labels_ignore=np.array([1]),
)
EMPTY = dict(bboxes=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64))


def judged(times: int = 1) -> Judged:
    """The image, this number of times."""
    return judge([RESULT] * times, [TRUTH] * times)
