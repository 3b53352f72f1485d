"""Mean and standard deviation of the pixels, and pictures that are there more than once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.encoded_image import ImageError, open_image, read_image
from mmlite.support.arrays import evenly_spread
from mmlite.support.progress import progress
from mmlite.tools.dataset_analysis.splits import Split

_THUMBNAIL = 16  # side in pixels
_TOLERANCE = 2.0  # grey levels, root mean square: what another JPEG quality or size changes
_REDUCED_FROM = 256  # shorter side in pixels from which an eighth of the resolution is enough


def pixel_statistics(files: Sequence[str], most: int) -> dict[str, Any]:
    """Returns mean and std of each channel over all pixels, in RGB order.

    Args:
        files: images.
        most: how many of them are read, evenly spread.

    Returns:
        `mean` and `std` of 0-255 and of 0-1, and the number of `images` that were read.
    """
    inds = evenly_spread(len(files), most)
    with ThreadPoolExecutor() as pool:
        found = pool.map(_sums, [files[i] for i in inds])
        found = progress(found, 'reading pixels', len(inds))
        sums = [one for one in found if one is not None]
    if not sums:
        return dict(images=0)
    count, total, squares = (sum(part) for part in zip(*sums, strict=True))
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return {
        'images': len(sums),
        '0-255': dict(mean=mean.round(3).tolist(), std=std.round(3).tolist()),
        '0-1': dict(mean=(mean / 255).round(5).tolist(), std=(std / 255).round(5).tolist()),
    }


def _sums(file: str) -> tuple[int, np.ndarray, np.ndarray] | None:
    """Number of pixels, and sums and sums of squares (3,) RGB; None for what cannot be read."""
    try:
        img = read_image(file)
    except ImageError:
        return None
    count = img.shape[0] * img.shape[1]
    mean, std = (part[::-1, 0] for part in cv2.meanStdDev(img))
    return count, count * mean, count * (std**2 + mean**2)


def duplicates(splits: Sequence[Split]) -> dict[str, Any]:
    """Finds pictures that look alike, in one part of the data or in two.

    Grey thumbnails are compared, so copies in another size, quality or format are found, and
    neighbouring frames of a film; crops and mirrored copies are not. A file that is in two
    parts counts as well.

    Returns:
        `groups`, lists of (part, file) of two pictures or more; `within`, the number of surplus
        copies in each part; `leaks`, the number of pictures of one part that are in another too.
    """
    owners = [(split.name, file) for split in splits for file in split.usable_files]
    with ThreadPoolExecutor() as pool:
        found = pool.map(_thumbnail, [file for _, file in owners])
        found = list(progress(found, 'looking for copies', len(owners)))
    owners = [owner for owner, one in zip(owners, found, strict=True) if one is not None]
    thumbnails = np.array([one for one in found if one is not None], np.float32)
    if not len(thumbnails):
        return dict(groups=[], within={}, leaks={})
    labels = _alike(thumbnails)
    groups = [
        [owners[i] for i in np.flatnonzero(labels == label)]
        for label in np.flatnonzero(np.bincount(labels) > 1)
    ]
    return dict(groups=groups, **_counted(groups, [split.name for split in splits]))


def _alike(thumbnails: np.ndarray) -> np.ndarray:
    """Returns a number (n,) for each of the thumbnails (n, 256): equal where they look alike."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = len(thumbnails)
    # means of 4 x 4 pixels differ by no more than the pixels do, and in 16 dimensions a tree
    # finds neighbours quickly, which it does not in 256
    coarse = thumbnails.reshape(count, 4, 4, 4, 4).mean(axis=(2, 4)).reshape(count, 16)
    pairs = cKDTree(coarse).query_pairs(_TOLERANCE * 4, output_type='ndarray')
    difference = np.square(thumbnails[pairs[:, 0]] - thumbnails[pairs[:, 1]]).mean(axis=1)
    first, second = pairs[difference <= _TOLERANCE**2].T
    links = coo_array((np.ones(len(first), bool), (first, second)), shape=(count, count))
    return connected_components(links, directed=False)[1]


def _counted(groups: Sequence[Sequence[tuple[str, str]]], names: Sequence[str]) -> dict[str, Any]:
    within, leaks = dict.fromkeys(names, 0), {}
    for group in groups:
        parts = [part for part, _ in group]
        for part in set(parts):
            within[part] += parts.count(part) - 1
        for number, one in enumerate(names):
            for other in names[number + 1 :]:
                if {one, other} <= set(parts):
                    key = f'{other} in {one}'
                    leaks[key] = leaks.get(key, 0) + parts.count(other)
    return dict(within=within, leaks=leaks)


def _thumbnail(file: str) -> np.ndarray | None:
    """A grey picture (256,) float32 of 16 x 16 pixels; None for what cannot be read."""
    try:
        image = open_image(file)
        reducible = image.size is not None and min(image.size) >= _REDUCED_FROM
        img = image.decode(8 if reducible else 1)
    except ImageError:
        return None
    grey = cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).reshape(-1)
