"""Image files as the data sets see them: endings, sizes, marks of change."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence

import cv2
import numpy as np

from mmlite.datasets.annotations import cached
from mmlite.datasets.encoded_image import ImageError, check_pixels, read_image, unreadable
from mmlite.datasets.image_header import max_pixels, read_header

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
    with contextlib.suppress(OSError, ValueError), open(path, 'rb') as file:
        header = read_header(file)
        if header:
            return header.shown_size
    try:
        height, width = read_image(path).shape[:2]  # a format that only OpenCV knows
    except ImageError:
        return 0, 0
    return width, height


def image_errors(paths: Sequence[str], cache_as: str) -> dict[str, str]:
    """Returns what is wrong with the images whose head says so, by path; no image is decoded.

    Those found good are not opened again until a file changes.
    """
    digest = hashlib.sha256(os.fsencode('\0'.join(paths))).digest()
    fingerprint = dict(
        paths=np.frombuffer(digest, np.uint8),
        stats=np.array([file_stat(path) for path in paths]).reshape(-1, 2),
        limit=np.array(max_pixels()),
    )
    bad = cached(
        f'heads\0{cache_as}',
        fingerprint,
        lambda: dict(bad=np.array([image_error(path) is not None for path in paths], bool)),
    )['bad']
    # asked anew: a change of permissions alone leaves size and time of a file as they are
    errors = {paths[i]: image_error(paths[i]) for i in np.flatnonzero(bad)}
    return {path: error for path, error in errors.items() if error}


def image_error(path: str) -> str | None:
    """Returns why an image cannot be read, as far as its head tells; None if it does not."""
    try:
        with open(path, 'rb') as file:
            header = read_header(file)
            start = (file.seek(0), file.read(8))[1]
        if not start:
            raise unreadable(path)
        if header:
            check_pixels(path, header)
        elif not cv2.haveImageReader(path):
            return f'{path}: no image that OpenCV knows; it starts with {start!r}'
    except ImageError as error:
        return str(error)
    except (OSError, ValueError) as error:
        return str(unreadable(path, error))
    return None


def file_stat(path: str | os.DirEntry) -> tuple[int, int]:
    """Returns the size and time of a file, zeros if there is none."""
    try:
        stat = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)
    except (OSError, ValueError):  # no such file, or a path with a null byte
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
