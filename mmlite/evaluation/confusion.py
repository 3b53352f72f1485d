"""Which class was taken for which, and how many errors each image has, at given thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmlite.evaluation.error_types import Judged, Kind


def confusion_matrix(judged: Judged, thresholds: np.ndarray) -> np.ndarray:
    """Counts boxes by their class and the one they were taken for.

    Detections of at least their class's threshold count. A box belongs to the detection that found
    it, else to the surest of another class with the IoU of a hit, else to none: column 0.
    Detections without a box are in row 0. IGNORED ones are left out.

    Args:
        judged: from `judge`.
        thresholds: (C,) lowest scores.

    Returns:
        (C + 1, C + 1) int64: rows are the labels of the boxes, columns those of the detections; 0
        is background.
    """
    size = judged.num_classes + 1
    kept = _kept(judged, thresholds)
    right = np.flatnonzero(kept & (judged.kind == Kind.RIGHT))
    taken = np.zeros(len(judged.gt_label), bool)
    taken[judged.gt[right]] = True
    other = np.flatnonzero(kept & (judged.kind == Kind.CLASSIFICATION))
    other = other[~taken[judged.gt[other]]]
    other = other[np.argsort(-judged.scores[other], kind='stable')]
    other = other[np.unique(judged.gt[other], return_index=True)[1]]  # the surest for each box
    taken[judged.gt[other]] = True

    pairs = np.concatenate([right, other])
    matrix = np.zeros((size, size), np.int64)
    np.add.at(matrix, (judged.gt_label[judged.gt[pairs]], judged.label[pairs]), 1)
    kept[pairs] = False
    np.add.at(matrix[0], judged.label[kept], 1)
    np.add.at(matrix[:, 0], judged.gt_label[~taken], 1)
    return matrix


@dataclass(frozen=True, eq=False)
class ImageCounts:
    """(n_imgs,) each: boxes found, detections that are wrong, and boxes not found."""

    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """(n_imgs,) wrong and missed."""
        return self.wrong + self.missed


def image_counts(judged: Judged, thresholds: np.ndarray) -> ImageCounts:
    """Counts for each image, at thresholds as of `confusion_matrix`."""
    kept = _kept(judged, thresholds)
    right = kept & (judged.kind == Kind.RIGHT)

    def per_image(image: np.ndarray) -> np.ndarray:
        return np.bincount(image, minlength=judged.num_images)

    found = per_image(judged.image[right])
    return ImageCounts(found, per_image(judged.image[kept & ~right]),
                       per_image(judged.gt_image) - found)  # fmt: skip


def _kept(judged: Judged, thresholds: np.ndarray) -> np.ndarray:
    enough = judged.scores >= np.asarray(thresholds)[judged.label - 1]
    return enough & (judged.kind != Kind.IGNORED)
