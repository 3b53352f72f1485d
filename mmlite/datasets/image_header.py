"""What the head of an image file says: the size, and whether EXIF turns the picture."""

from __future__ import annotations

import os
from typing import BinaryIO, NamedTuple

from PIL import Image

from mmlite.errors import ConfigError

MAX_PIXELS = 100_000_000  # 300 MB once it is decoded
MAX_PIXELS_VARIABLE = 'MMLITE_MAX_PIXELS'

# the formats that Pillow and OpenCV read alike
_FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'GIF', 'TIFF', 'PPM', 'JPEG2000')
_ORIENTATION, _WIDTH, _HEIGHT = 0x0112, 256, 257  # EXIF's tag, and two of TIFF's
_TURNED = (5, 6, 7, 8)  # the orientations that swap width and height


class Header(NamedTuple):
    """(w, h) in pixels as stored, and whether the EXIF orientation swaps them."""

    size: tuple[int, int]
    turned: bool

    @property
    def shown_size(self) -> tuple[int, int]:
        """(w, h) of the picture once it is turned as EXIF says."""
        return self.size[::-1] if self.turned else self.size


def read_header(file: BinaryIO) -> Header | None:
    """Reads the head of an image file; None where it is damaged or in a format of OpenCV's only."""
    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None  # nothing is decoded here, and the size is what is asked for
    try:
        with Image.open(file, formats=_FORMATS) as image:
            exif = Image.Exif()
            exif.load(image.info.get('exif', b''))
            orientation, size = exif.get(_ORIENTATION), image.size
            if image.format == 'TIFF':  # Pillow has turned this size already
                orientation = image.tag_v2.get(_ORIENTATION)
                size = image.tag_v2[_WIDTH], image.tag_v2[_HEIGHT]
    except Exception:  # a damaged head raises nearly anything
        return None
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    return Header(size, orientation in _TURNED)


def max_pixels() -> int:
    """Returns the number of pixels that an image may have: $MMLITE_MAX_PIXELS or MAX_PIXELS.

    Raises:
        ConfigError: the variable is not a number.
    """
    text = os.environ.get(MAX_PIXELS_VARIABLE) or str(MAX_PIXELS)
    if not text.isdecimal():
        raise ConfigError(f'{MAX_PIXELS_VARIABLE}={text!r}: a number of pixels is expected')
    return int(text)
