"""Image files as the data sets see them: endings, sizes, marks of change."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from mmlite.datasets.annotations import cached
from mmlite.datasets.encoded_image import ImageError, check_pixels, read_image, unreadable
from mmlite.datasets.image_header import Header, max_pixels, read_header
from mmlite.support.progress import progress

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
        lambda: dict(
            sizes=np.array(
                [read_size(path) for path in progress(paths, 'reading the sizes of images')],
                np.int32,
            ).reshape(-1, 2)
        ),
    )['sizes']


def read_size(path: str) -> tuple[int, int]:
    """Returns (w, h) of an image as the pipeline will load it; (0, 0) if it cannot be read."""
    with contextlib.suppress(OSError, ValueError), open(path, 'rb') as file:
        header = read_header(file)
        if header:
            return header.shown_size
    try:
        height, width = read_image(path).shape[:2]  # a format that only OpenCV supports
    except ImageError:
        return 0, 0
    return width, height


class Heads(NamedTuple):
    """What the heads of n image files say.

    Attributes:
        errors: what is wrong with those that cannot be used, by path.
        sizes: (n, 2) int32, (w, h) as stored; 0 where the head does not say it.
        turned: (n,) bool: EXIF swaps the two.
    """

    errors: dict[str, str]
    sizes: np.ndarray
    turned: np.ndarray


def read_heads(paths: Sequence[str], cache_as: str) -> Heads:
    """Reads the heads of image files; no image is decoded.

    Those found good are not opened again until a file changes.
    """
    digest = hashlib.sha256(os.fsencode('\0'.join(paths))).digest()
    fingerprint = dict(
        paths=np.frombuffer(digest, np.uint8),
        stats=np.array([file_stat(path) for path in paths]).reshape(-1, 2),
        limit=np.array(max_pixels()),
    )

    def read() -> dict[str, np.ndarray]:
        heads = [read_head(path) for path in progress(paths, 'reading the heads of images')]
        return dict(
            bad=np.array([error is not None for error, _ in heads], bool),
            sizes=np.array([head.size if head else (0, 0) for _, head in heads], np.int32).reshape(
                -1, 2
            ),
            turned=np.array([bool(head and head.turned) for _, head in heads], bool),
        )

    found = cached(f'heads\0{cache_as}', fingerprint, read)
    # asked again: a change of permissions only leaves size and time of a file as they are
    errors = {paths[i]: read_head(paths[i])[0] for i in np.flatnonzero(found['bad'])}
    kept = {path: error for path, error in errors.items() if error}
    return Heads(kept, found['sizes'], found['turned'])


def read_head(path: str) -> tuple[str | None, Header | None]:
    """Returns why an image cannot be read, as far as its head shows it, and the head.

    The first is None where the head shows no fault, the second where Pillow cannot read the head.
    """
    try:
        with open(path, 'rb') as file:
            header = read_header(file)
            start = (file.seek(0), file.read(8))[1]
        if not start:
            raise unreadable(path)
        if header:
            check_pixels(path, header)
        elif not cv2.haveImageReader(path):
            return f'{path}: no image that OpenCV can read; it starts with {start!r}', None
    except ImageError as error:
        return str(error), None
    except (OSError, ValueError) as error:
        return str(unreadable(path, error)), None
    return None, header


def file_stat(path: str | os.DirEntry) -> tuple[int, int]:
    """Returns the size and time of a file, zeros if there is none."""
    try:
        stat = path.stat() if isinstance(path, os.DirEntry) else os.stat(path)
    except (OSError, ValueError):  # no such file, or a path with a null byte
        return 0, 0
    return stat.st_size, stat.st_mtime_ns
