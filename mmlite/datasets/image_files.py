"""Image files as the data sets see them: endings, sizes, marks of change."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from mmlite.datasets.annotations import cached
from mmlite.datasets.transforms.loading import ImageError, read_image

# what OpenCV reads; where several files differ only in the ending, the first of these is taken
IMAGE_ENDINGS = (
    *('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff', '.jpe', '.jp2', '.dib', '.gif'),
    *('.avif', '.ppm', '.pgm', '.pbm', '.pnm', '.pxm', '.pfm', '.sr', '.ras', '.hdr', '.exr'),
)


def image_sizes(paths: Sequence[str], cache_as: str) -> np.ndarray:
    """Returns the sizes (n, 2) int32, (w, h), of images; 0 where one cannot be read.

    They are read once and then taken from the cache, until a file changes.
    """
    fingerprint = dict(paths=np.array(paths, str), stats=np.array([file_stat(p) for p in paths]))
    return cached(
        f'sizes\0{cache_as}',
        fingerprint,
        lambda: dict(sizes=np.array([read_size(path) for path in paths], np.int32).reshape(-1, 2)),
    )['sizes']


def read_size(path: str) -> tuple[int, int]:
    """Returns (w, h) of an image as the pipeline will load it; (0, 0) if it cannot be read."""
    try:
        height, width = read_image(path).shape[:2]
    except ImageError:
        return 0, 0
    return width, height


def file_stat(path: str | os.DirEntry) -> tuple[int, int]:
    """Returns the size and time of a file, zeros if there is none."""
    try:
        stat = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)
    except OSError:
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
