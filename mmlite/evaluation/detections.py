"""The detections of a whole data set in a few flat arrays.

A (k, 5) array for each image and class is an object of a hundred bytes that mostly holds one or
two rows: 9.6 million of them for 120,000 images of 80 classes. Letters: D detections, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np

from mmlite.support.arrays import runs


@dataclass(frozen=True, eq=False)
class FlatDetections(Sequence):
    """Flat arrays that read as results in the (n_imgs)(n_class)(k, 5) form.

    `detections[i]` is the list of C arrays of image i, made when it is asked for.

    Attributes:
        num_images, num_classes: how many of each there are, C classes.
        image: (D,) index of the image, ascending.
        label: (D,) 1..C, ascending within an image.
        rows: (D, 5) x1, y1, x2, y2 in pixels of the original image, score.
    """

    num_images: int
    num_classes: int
    image: np.ndarray
    label: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return self.num_images

    def __getitem__(self, i: int) -> list[np.ndarray]:
        i = range(self.num_images)[i]  # raises IndexError, and allows negative ones
        own = slice(*np.searchsorted(self.image, [i, i + 1]))
        rows, edges = self.rows[own], np.arange(1, self.num_classes + 2)
        return [rows[a:b] for a, b in pairwise(np.searchsorted(self.label[own], edges))]

    def of_images(self, images: Sequence[int]) -> FlatDetections:
        """Returns the detections of some images, ascending, numbered again from 0."""
        if len(images) == self.num_images:
            return self
        kept = np.isin(self.image, images)
        return replace(
            self,
            num_images=len(images),
            image=np.searchsorted(images, self.image[kept]),
            label=self.label[kept],
            rows=self.rows[kept],
        )


def kept_precision(*dtypes: np.dtype) -> type[np.floating]:
    """Returns float32 where it holds all numbers of these kinds, else float64."""
    exact = all(np.can_cast(dtype, np.float32, 'safe') for dtype in dtypes)
    return np.float32 if exact else np.float64


def flatten(det_results: Sequence[Sequence[np.ndarray]]) -> FlatDetections:
    """Puts results in the (n_imgs)(n_class)(k, 5) form into flat arrays.

    Rows stay float32 where all of them are, and are float64 otherwise.

    Raises:
        ValueError: names the image and the class whose array is not (k, 5).
    """
    if isinstance(det_results, FlatDetections):
        return det_results
    num_images = len(det_results)
    num_classes = len(det_results[0]) if num_images else 0
    for i, per_class in enumerate(det_results):
        if len(per_class) != num_classes:
            raise ValueError(
                f'det_results[{i}]: image {i} has {len(per_class)} classes, image 0 {num_classes}'
            )
    arrays = list(map(np.asarray, chain.from_iterable(det_results)))
    empty = np.zeros((0, 5), np.float32)
    try:
        rows = np.concatenate([empty, *arrays])
    except ValueError:  # one of them is not (k, 5): it is empty, or it gets named
        arrays = [_checked(rows, *divmod(k, num_classes)) for k, rows in enumerate(arrays)]
        rows = np.concatenate([empty, *arrays])
    lengths = list(map(len, arrays))
    return FlatDetections(
        num_images,
        num_classes,
        np.repeat(np.arange(num_images).repeat(num_classes), lengths),
        np.repeat(np.tile(np.arange(1, num_classes + 1), num_images), lengths),
        rows if rows.dtype == np.float32 else rows.astype(np.float64),
    )


@dataclass(frozen=True, eq=False)
class GatheredResults:
    """The results of some images of a data set in any order, as a metric gathers them.

    Attributes:
        images: (n,) index of each image in the data set.
        lengths: (n,) number of its detections, -1 for an image that was skipped as bad.
        rows: (D, 6) x1, y1, x2, y2, score, label, the images one after another; float32, or
            float64 where detections came in it.
    """

    images: np.ndarray
    lengths: np.ndarray
    rows: np.ndarray


def gather(results: Sequence[tuple[int, np.ndarray | None]]) -> GatheredResults:
    """Puts (image, rows (n, 6) or None) of every image into flat arrays."""
    return GatheredResults(
        np.array([image for image, _ in results], np.int64),
        np.array([-1 if rows is None else len(rows) for _, rows in results], np.int64),
        np.concatenate(
            [np.zeros((0, 6), np.float32), *(rows for _, rows in results if rows is not None)]
        ),
    )


def ordered(parts: Sequence[GatheredResults], num_images: int, num_classes: int) -> FlatDetections:
    """Puts what the processes gathered into the order of the images 0 to `num_images` - 1.

    Of an image that several have, the first counts: a distributed sampler repeats images to fill
    its last round. One that is missing, or was skipped, has no detections.
    """
    images, lengths, rows = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ('images', 'lengths', 'rows')
    )
    lengths = np.maximum(lengths, 0)
    image, first = np.unique(images, return_index=True)
    starts = np.cumsum(lengths) - lengths
    rows = rows[runs(starts[first], lengths[first])]
    image = np.repeat(image, lengths[first])
    return FlatDetections(num_images, num_classes, image, rows[:, 5].astype(np.int64), rows[:, :5])


def _checked(rows: np.ndarray, i: int, c: int) -> np.ndarray:
    if not rows.size:
        return np.zeros((0, 5), np.float32)  # whatever its shape, it holds nothing
    if rows.ndim != 2 or rows.shape[1] != 5:
        raise ValueError(
            f'det_results[{i}][{c}] (image {i}, class {c}): shape (k, 5) is expected, '
            f'found {rows.shape}'
        )
    return rows
