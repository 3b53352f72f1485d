"""Is the difference of two models more than the choice of the test images?

Paired bootstrap over images (Efron & Tibshirani 1993, chapter 13): the images are drawn again with
replacement, the same for both models, and the AP of both is computed again. B rounds, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmlite.evaluation.error_types import Judged, Kind
from mmlite.support.progress import progress

_AT_ONCE = 4_000_000  # weights of detections held together: 32 MB


@dataclass(frozen=True, eq=False)
class Difference:
    """AP of two models: arrays (C + 1,), class by class, and the mean of the classes last.

    Attributes:
        first, second: AP of the two, NaN for a class without boxes.
        low, high: 95% interval of second - first.
    """

    first: np.ndarray
    second: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def value(self) -> np.ndarray:
        """(C + 1,) second - first."""
        return self.second - self.first


def paired_difference(
    first: Sequence[Judged],
    second: Sequence[Judged],
    rounds: int = 1000,
    seed: int = 0,
    points: int = 0,
) -> Difference:
    """Compares the AP of two models on the same images.

    Args:
        first, second: from `judge`, with the same annotations; one for each IoU threshold, which AP
            is the mean over.
        rounds: B.
        seed: of the draws.
        points: see `ApRule`.

    Raises:
        ValueError: they are not of the same images and boxes.
    """
    if not same_truth(first[0], second[0]):
        raise ValueError('results of the same images and annotations are expected')
    num = first[0].num_images
    draws = np.random.default_rng(seed).integers(num, size=(rounds, num))
    times = np.stack([np.bincount(draw, minlength=num) for draw in draws])  # (B, n_imgs)
    times = np.concatenate([np.ones((1, num), np.int64), times])  # the data set itself first
    one, other = (
        _with_mean(np.mean([weighted_ap(judged, times, points) for judged in model], axis=0))
        for model in (first, second)
    )
    drawn = other[1:] - one[1:]
    low, high = np.full((2, drawn.shape[1]), np.nan)
    some = ~np.isnan(drawn).all(axis=0)  # of a class without boxes there is nothing to say
    low[some], high[some] = np.nanpercentile(drawn[:, some], [2.5, 97.5], axis=0)
    return Difference(one[0], other[0], low, high)


def same_truth(first: Judged, second: Judged) -> bool:
    """Whether the boxes to be found are the same, image by image."""
    return first.num_images == second.num_images and all(
        np.array_equal(getattr(first, key), getattr(second, key))
        for key in ('gt_image', 'gt_label', 'gt_bboxes')
    )


def weighted_ap(judged: Judged, times: np.ndarray, points: int = 0) -> np.ndarray:
    """Returns (B, C) AP where image i counts times[b, i] times; NaN without boxes.

    As of a data set that holds each image so often, if no two detections of an image have the same
    score: the copies of one are side by side.

    Args:
        judged: from `judge`.
        times: (B, n_imgs).
        points: see `ApRule`.
    """
    aps = np.full((len(times), judged.num_classes), np.nan)
    by_image = np.ascontiguousarray(times.T, np.int32)  # (n_imgs, B): a row is copied at once
    counted = judged.kind != Kind.IGNORED
    for c in progress(range(judged.num_classes), 'drawing again, classes'):
        own = np.flatnonzero(counted & (judged.label == c + 1))
        own = own[np.argsort(-judged.scores[own], kind='stable')]
        right = np.flatnonzero(judged.kind[own] == Kind.RIGHT)
        num_gts = by_image[judged.gt_image[judged.gt_label == c + 1]].sum(axis=0)
        for part in _parts(len(times), len(own)):
            hits, best = _curve(by_image[:, part], judged.image[own], right)
            few = np.maximum(num_gts[part], 1)
            ap = _at_points(hits, best, few, points) if points else (hits * best).sum(axis=0) / few
            aps[part, c] = np.where(num_gts[part], ap, np.nan)
    return aps


def _curve(
    by_image: np.ndarray, image: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (r, b) how often each right detection counts, and the best precision from it on.

    Args:
        by_image: (n_imgs, b) how often each image counts.
        image: (d,) of detections by falling scores.
        right: (r,) which of them are right, ascending; precision only falls between two.
    """
    if not len(right):
        return np.zeros((0, by_image.shape[1]), np.int64), np.zeros((0, by_image.shape[1]))
    starts = np.concatenate([[0], right[:-1] + 1])
    detected = np.add.reduceat(by_image[image[: right[-1] + 1]], starts, axis=0).cumsum(axis=0)
    hits = by_image[image[right]]
    precision = hits.cumsum(axis=0) / np.maximum(detected, 1)
    return hits, np.maximum.accumulate(precision[::-1], axis=0)[::-1]


def _at_points(hits: np.ndarray, best: np.ndarray, num_gts: np.ndarray, points: int) -> np.ndarray:
    """Returns (b,) means of the best precision at recalls 0, 1 / (points - 1), ..., 1.

    Args:
        hits, best: (r, b), from `_curve`.
        num_gts: (b,) boxes.
    """
    recalls = np.arange(points) * (1 / (points - 1))
    found = np.cumsum(hits, axis=0).T  # (b, r), rising
    needed = np.floor(recalls * num_gts[:, None]).astype(np.int64)  # (b, points) boxes
    needed += needed / num_gts[:, None] < recalls  # as the metrics compare: recall >= point
    # one search for all: row b of both is moved by b times more than any number in it
    step = (max(found.max(initial=0), needed.max()) + 1) * np.arange(len(found))[:, None]
    rows = np.searchsorted((found + step).ravel(), (needed + step).ravel()).reshape(needed.shape)
    rows -= found.shape[1] * np.arange(len(found))[:, None]
    padded = np.vstack([best, np.zeros(len(found))])  # a recall that is not reached
    return np.take_along_axis(padded.T, rows, axis=1).mean(axis=1)


def _parts(rounds: int, dets: int) -> Iterator[slice]:
    step = max(_AT_ONCE // max(dets, 1), 1)
    return (slice(start, start + step) for start in range(0, rounds, step))


def _with_mean(aps: np.ndarray) -> np.ndarray:
    """Appends the mean over the classes that have boxes: (B, C) to (B, C + 1)."""
    some = ~np.isnan(aps)
    total = np.where(some, aps, 0).sum(axis=1, keepdims=True)
    count = some.sum(axis=1, keepdims=True)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.concatenate([aps, mean], axis=1)
