"""Image files, read and checked, and decoded at their own size or at a fraction of it."""

from __future__ import annotations

import io
import os
from typing import NamedTuple

import cv2
import numpy as np

from mmlite.datasets.bad_items import BadItemError
from mmlite.datasets.image_header import MAX_PIXELS_VARIABLE, Header, max_pixels, read_header

JPEG_START, JPEG_SCAN, JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'

# by what the edges are divided
_REDUCED = {
    1: 0,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class ImageError(BadItemError):
    """An image file that is missing or cannot be decoded; the message names it and says why."""


class EncodedImage(NamedTuple):
    """An image file that was read and checked, not yet decoded.

    Args:
        path: of the file, for messages.
        data: its bytes.
        flag: OpenCV's.
        size: (w, h) of the decoded picture; None where only OpenCV supports the format.
    """

    path: str
    data: bytes
    flag: int
    size: tuple[int, int] | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, 3) of the decoded picture."""
        return (*self.size[::-1], 3)

    @property
    def nbytes(self) -> int:
        return len(self.data)

    @property
    def is_reducible(self) -> bool:
        """Whether decoding it smaller is less work."""
        return self.size is not None and self.data.startswith(JPEG_START)

    def decode(self, reduction: int = 1) -> np.ndarray:
        """Returns the picture (h, w, 3) BGR uint8, its edges divided by 1, 2, 4 or 8, rounded up.

        Raises:
            ImageError: it is nothing that OpenCV can decode.
        """
        flag = self.flag | _REDUCED[reduction]
        try:
            img = cv2.imdecode(np.frombuffer(self.data, np.uint8), flag)
        except cv2.error as error:
            raise ImageError(f'{self.path}: OpenCV cannot decode the image: {error}') from error
        if img is None:
            raise ImageError(
                f'{self.path}: OpenCV cannot decode the image ({len(self.data)} bytes that start '
                f'with {self.data[:8]!r}): damaged, or no image at all'
            )
        return img


def read_image(
    path: str, flag: int = cv2.IMREAD_COLOR, annotated_size: tuple[int, int] | None = None
) -> np.ndarray:
    """Reads an image file as (h, w, 3) BGR uint8; transparency is dropped.

    Args:
        path, flag, annotated_size: as of `open_image`.

    Raises:
        ImageError: as of `open_image`, or it is nothing that OpenCV can decode.
    """
    return open_image(path, flag, annotated_size).decode()


def open_image(
    path: str, flag: int = cv2.IMREAD_COLOR, annotated_size: tuple[int, int] | None = None
) -> EncodedImage:
    """Reads an image file, and checks what can be checked before it is decoded.

    Args:
        path: of the file.
        flag: OpenCV's; the default one turns the picture as its EXIF orientation says.
        annotated_size: (w, h) of the picture that boxes were drawn on. Where that is the unturned
            one, the picture stays as stored.

    Raises:
        ImageError: there is no such file, it is empty, cut off, or has too many pixels.
    """
    data = _read_file(path)
    header = read_header(io.BytesIO(data))
    if header:
        check_pixels(path, header)
        if header.turned and header.size == annotated_size != header.shown_size:
            flag |= cv2.IMREAD_IGNORE_ORIENTATION
    if is_cut_off_jpeg(data):
        raise ImageError(
            f'{path}: the JPEG file is cut off after {len(data)} bytes (no end marker); copy it '
            'again from its source'
        )
    if header is None:
        return EncodedImage(path, data, flag, None)
    unturned = flag & cv2.IMREAD_IGNORE_ORIENTATION
    return EncodedImage(path, data, flag, header.size if unturned else header.shown_size)


def _read_file(path: str) -> bytes:
    try:
        # not cv2.imread: on Windows that cannot open paths beyond ASCII
        with open(path, 'rb') as file:
            data = file.read()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if not data:
        raise unreadable(path)
    return data


def unreadable(path: str, error: Exception | None = None) -> ImageError:
    """Returns the error for a file that cannot be opened, or that is empty."""
    if error is None:
        return ImageError(f'{path}: the image file is empty (0 bytes)')
    if isinstance(error, FileNotFoundError):
        target = f', it is a link to {os.readlink(path)!r}' if os.path.islink(path) else ''
        return ImageError(f'{path}: there is no such image file{target}{_other_case(path)}')
    reason = getattr(error, 'strerror', None) or error  # a path with a null byte: ValueError
    return ImageError(f'{path}: the image cannot be read: {reason}')


def _other_case(path: str) -> str:
    """Says that the file is there with its ending in the other case."""
    stem, ending = os.path.splitext(path)
    names = [stem + other for other in (ending.lower(), ending.upper()) if other != ending]
    there = next((os.path.basename(name) for name in names if os.path.exists(name)), '')
    return there and f'. There is {there!r}: the case of letters counts'


def check_pixels(path: str, header: Header) -> None:
    """Raises ImageError if an image is larger than `max_pixels`; decoding it takes the memory."""
    (width, height), limit = header.size, max_pixels()
    if width * height > limit:
        raise ImageError(
            f'{path}: {width} x {height} is {width * height} pixels, and {limit} are allowed; '
            f'the environment variable {MAX_PIXELS_VARIABLE} raises the limit'
        )


def is_cut_off_jpeg(data: bytes) -> bool:
    """Whether a JPEG file ends inside its scan; OpenCV fills the rest with grey."""
    if not data.startswith(JPEG_START) or data.endswith(JPEG_END):
        return False
    # an end marker before the last scan belongs to a thumbnail; bytes after the end are harmless
    return data.rfind(JPEG_END) <= data.rfind(JPEG_SCAN)  # equal where there is neither
