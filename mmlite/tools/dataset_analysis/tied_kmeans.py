"""k-means on IoU whose centres are shapes that a head can have.

YOLOv2 (Redmon and Farhadi 2017, section 2) clusters the sides of boxes with 1 - IoU as the
distance and takes the centres for its anchors. The shapes of SSD and RetinaNet are not free: a
config sets T numbers (sizes and ratios), and each of the P shapes follows from a few of them. In
logarithms it follows linearly, so the step that moves the centres is a least-squares fit of these
numbers, where in plain k-means it is the mean. scipy's k-means has neither this nor IoU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlite.tools.dataset_analysis.priors import ious_at

_ROUNDS = 60
# k-means ends at the best solution nearby: it starts from these multiples of the config's sizes,
# and from sizes of the boxes, the smallest and largest multiplied
_MULTIPLES = (1, 0.71, 0.84, 1.19, 1.41, 2)
_LOW_MULTIPLES, _HIGH_MULTIPLES = (1, 1.5, 2), (1, 2)
_USUAL_SIZES = (0.02, 0.98)  # quantiles
_HOLD = 1e-3  # weight, in boxes, of a number's old value: what no box asks for stays as it was
# a box that is not covered trains hardly at all: it pulls harder than one that could be covered
# better, and counts more in the score
_UNCOVERED, _MARGIN, _PER_COVERED = 10, 0.05, 5


@dataclass(frozen=True)
class TiedShapes:
    """log(w, h) of shape p is `matrix[p] @ numbers + offset[p]`, with the numbers as logarithms.

    Attributes:
        matrix: (P, 2, T).
        offset: (P, 2).
        start: (T,) the numbers that the config has, as logarithms.
        sizes: how many of the first numbers are sizes; the others are ratios.
        ascending: the sizes stay in this order: a fine level looks for small objects, although
            its dense cells would overlap large ones best too.
    """

    matrix: np.ndarray
    offset: np.ndarray
    start: np.ndarray
    sizes: int
    ascending: bool

    def wh(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the sides (P, 2) in pixels for the logarithms (T,) of the numbers."""
        return np.exp(self.matrix @ numbers + self.offset).astype(np.float32)


@dataclass(frozen=True)
class Boxes:
    """What the shapes are fitted to.

    Attributes:
        sides: (G, 2) in pixels.
        distances: (G, P, 2) from the centre of the nearest prior, see `center_distances`.
        weights: (G,) what each box counts; they add up to 1.
        thr: IoU from which a box is covered.
    """

    sides: np.ndarray
    distances: np.ndarray
    weights: np.ndarray
    thr: float


def fit(shapes: TiedShapes, boxes: Boxes) -> np.ndarray:
    """Returns the best numbers (T,) found, as logarithms; they cover no less than the config's."""
    own = ious_at(boxes.sides, shapes.wh(shapes.start), boxes.distances).max(axis=1)
    least = (own >= boxes.thr).mean()
    found = [_fit_from(shapes, start, boxes, least) for start in _starts(shapes, boxes)]
    return max(found, key=lambda one: one[0])[1]


def _starts(shapes: TiedShapes, boxes: Boxes) -> list[np.ndarray]:
    """The config's numbers, these with all sizes multiplied, and sizes taken from the boxes."""
    is_size = np.arange(len(shapes.start)) < shapes.sizes
    starts = [shapes.start + np.log(multiple) * is_size for multiple in _MULTIPLES]
    low, high = np.quantile(np.log(boxes.sides).mean(axis=1), _USUAL_SIZES)
    smallest = np.log(shapes.wh(shapes.start)).mean(axis=1).min()
    for first in low + np.log(_LOW_MULTIPLES):
        if not shapes.ascending:  # the strides say how sizes go on
            starts.append(shapes.start + (first - smallest) * is_size)
            continue
        for last in high + np.log(_HIGH_MULTIPLES):
            starts.append(shapes.start.copy())
            starts[-1][is_size] = np.linspace(first, last, shapes.sizes)
    return starts


def _fit_from(
    shapes: TiedShapes, start: np.ndarray, boxes: Boxes, least: float
) -> tuple[float, np.ndarray]:
    """Runs k-means from one start; returns the best score on the way and its numbers.

    Numbers that cover less than the share `least` of all boxes score nothing.
    """
    numbers, best = start, (-1.0, start)
    logs = np.log(boxes.sides)
    for _ in range(_ROUNDS):
        ious = ious_at(boxes.sides, shapes.wh(numbers), boxes.distances)
        nearest, iou = ious.argmax(axis=1), ious.max(axis=1)
        covered = iou >= boxes.thr
        score = float(boxes.weights @ (_PER_COVERED * covered + iou))
        if score > best[0] and covered.mean() >= least:
            best = score, numbers
        pull = np.where(iou < boxes.thr + _MARGIN, 1 + _UNCOVERED, 1) * boxes.weights
        before, numbers = numbers, moved(shapes, numbers, logs, nearest, pull)
        if np.allclose(before, numbers, atol=1e-3):
            break
    return best


def moved(
    shapes: TiedShapes, numbers: np.ndarray, logs: np.ndarray, nearest: np.ndarray, pull: np.ndarray
) -> np.ndarray:
    """Returns the numbers whose shapes are, in least squares, nearest to the boxes they won.

    Args:
        shapes, numbers: the centres so far.
        logs: (G, 2) logarithms of the boxes' sides.
        nearest: (G,) index of the shape that won each box.
        pull: (G,) weights.
    """
    count = len(shapes.offset)
    won = np.bincount(nearest, pull, count)
    sums = np.stack([np.bincount(nearest, pull * log, count) for log in logs.T], axis=1)
    targets = sums - won[:, None] * shapes.offset
    normal = np.einsum('pat,p,pas->ts', shapes.matrix, won, shapes.matrix)
    hold = _HOLD * pull.mean()
    found = np.linalg.solve(
        normal + hold * np.eye(len(numbers)),
        np.einsum('pat,pa->t', shapes.matrix, targets) + hold * numbers,
    )
    if shapes.ascending:
        found[: shapes.sizes] = np.sort(found[: shapes.sizes])
    return found
