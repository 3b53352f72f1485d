"""Mean and standard deviation of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np

from mmlite.datasets.encoded_image import ImageError, read_image
from mmlite.support.arrays import evenly_spread
from mmlite.support.progress import progress


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
