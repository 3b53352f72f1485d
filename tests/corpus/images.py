"""Image files that are damaged, missing or too large: skipped, named and counted."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import pytest
from PIL import Image

from mmlite.datasets.encoded_image import ImageError, read_image
from tests.corpus.case import Case
from tests.corpus.good import coco, first_image, good_copy, good_set, refused, skipped, voc

Spoil = Callable[[Path], None]  # is given the path of the good image


def spoilt(spoil: Spoil, reason: str, known: bool, folder: Path) -> None:
    """A case: the image is spoilt, and the item skipped, in VOC's layout and in COCO's alike."""
    root = good_copy(folder)
    spoil(first_image(root))
    skipped(voc, root, reason, known)
    skipped(coco, root, reason, known)


def case(name: str, spoil: Spoil, reason: str, known: bool = True) -> Case:
    return Case('images', name, 'skipped', partial(spoilt, spoil, reason, known))


def picture() -> Image.Image:
    return Image.open(first_image(good_set())).convert('RGB')


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind, **options)
    return file.getvalue()


def cut(path: Path, kind: str, tenths: int, **options: object) -> None:
    data = encoded(kind, **options)
    path.write_bytes(data[: len(data) * tenths // 10])


def damage_middle(path: Path) -> None:
    """Wrong bytes inside a PNG: its check sum shows them."""
    data = bytearray(encoded('PNG'))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def break_link(path: Path) -> None:
    path.unlink()
    path.symlink_to('/not/there.jpg')


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def no_permission(folder: Path) -> None:
    """Root may read every file: its right to do so is laid down for the time being."""
    if os.name == 'nt' or (os.geteuid() == 0 and sys.platform != 'linux'):
        pytest.skip('Windows has other permissions, and only on Linux root can do without')
    with contextlib.ExitStack() as stack:

        def forbid(path: Path) -> None:
            path.chmod(0)
            if os.geteuid() == 0:
                stack.enter_context(without_rights_of_root())

        spoilt(forbid, 'the image cannot be read: Permission denied', True, folder)


@contextlib.contextmanager
def without_rights_of_root() -> Iterator[None]:
    """Takes CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH from this thread, and gives them back."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack('Ii', 0x20080522, 0)  # of version 3; this thread
    before = ctypes.create_string_buffer(24)  # effective, permitted, inheritable, twice 32 bits
    assert libc.capget(header, before) == 0
    effective, *others = struct.unpack('6I', before.raw)
    fewer = struct.pack('6I', effective & ~0b110, *others)
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def png_of(width: int, height: int) -> bytes:
    """A PNG whose head says this size, with a few bytes of data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', check)

    head = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    data = chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(bytes(100))) + chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + data


def jpeg_of(width: int, height: int) -> bytes:
    """A good JPEG whose head is changed to say this size."""
    data = encoded('JPEG')
    frame = data.index(b'\xff\xc0')
    return data[: frame + 5] + struct.pack('>HH', height, width) + data[frame + 9 :]


def gif_of(width: int, height: int) -> bytes:
    data = encoded('GIF')
    return data[:6] + struct.pack('<HH', width, height) + data[10:]


def write(data: Callable[[], bytes], path: Path) -> None:
    path.write_bytes(data())


def limit_can_be_changed(folder: Path) -> None:
    path = str(first_image(good_copy(folder)))
    height, width = read_image(path).shape[:2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMLITE_MAX_PIXELS', str(width * height - 1))
        with pytest.raises(ImageError, match=f'{width} x {height} .*MMLITE_MAX_PIXELS raises'):
            read_image(path)
        patch.setenv('MMLITE_MAX_PIXELS', str(width * height))
        assert read_image(path).shape == (height, width, 3)


def limit_is_no_number(folder: Path) -> None:
    path = str(first_image(good_copy(folder)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMLITE_MAX_PIXELS', '1e9')
        refused(lambda: read_image(path), "MMLITE_MAX_PIXELS='1e9': a number of pixels")


def all_bad(folder: Path) -> None:
    root = good_copy(folder)
    for path in (root / 'JPEGImages').iterdir():
        path.write_bytes(b'')
    for share in (0.5, 1.0):  # nothing would be left, whatever the limit
        parts = 'none of its 8 images can be used', '000001.jpg', 'and 5 more'
        refused(partial(voc, root, max_bad=share), *parts)


def too_many_at_the_limit(folder: Path) -> None:
    root = good_copy(folder)
    for stem in ('000002', '000005'):
        (root / f'JPEGImages/{stem}.jpg').write_bytes(b'')
    assert list(voc(root, max_bad=0.25).bad_items) == [
        str(root / f'JPEGImages/{stem}.jpg') for stem in ('000002', '000005')
    ]
    refused(lambda: voc(root, max_bad=0.2), '2 of 8', '000002.jpg: the image file is empty')


def none_can_be_read(folder: Path) -> None:
    root = good_copy(folder)
    first_image(root).rename(first_image(root).with_suffix('.psd'))
    dataset = voc(root, max_bad=0.5)
    assert '1 images are not there' in dataset.summary
    assert 'there is no such image file' in dataset.bad_items[str(first_image(root))]


CUT_OFF = 'the JPEG file is cut off after'
DAMAGED = 'OpenCV cannot decode the image'
CASES = [
    *(
        case(f'JPEG cut off after {k} tenths', partial(cut, kind='JPEG', tenths=k), CUT_OFF, False)
        for k in range(1, 10)
    ),
    case('progressive JPEG cut off',
         partial(cut, kind='JPEG', tenths=6, progressive=True), CUT_OFF, False),
    *(
        case(f'{kind} cut off', partial(cut, kind=kind, tenths=6), DAMAGED, False)
        for kind in ('PNG', 'WEBP', 'BMP', 'GIF', 'TIFF')
    ),
    case('PNG damaged in the middle', damage_middle, DAMAGED, False),
    case('zero bytes', lambda p: p.write_bytes(b''), r'the image file is empty \(0 bytes\)'),
    case('one byte', lambda p: p.write_bytes(b'\xff'), 'no image that OpenCV can read'),
    case('zeros only', lambda p: p.write_bytes(bytes(3000)), 'no image that OpenCV can read'),
    case('text named .jpg', lambda p: p.write_text('to do'), "starts with b'to do'"),
    case('web page named .jpg', lambda p: p.write_text('<html>404</html>'), "b'<html>40'"),
    case('start mark of a JPEG only', lambda p: p.write_bytes(b'\xff\xd8\xff'), CUT_OFF, False),
    case('missing', lambda p: p.unlink(), 'there is no such image file'),
    case('a folder of its name', replace_by_folder, 'the image cannot be read: Is a directory'),
    case('broken link', break_link, "no such image file, it is a link to '/not/there.jpg'"),
    case('link to itself', link_to_itself, 'the image cannot be read: Too many levels'),
    Case('images', 'no permission', 'skipped', no_permission),
    case('PNG head of 20000 x 20000', partial(write, lambda: png_of(20000, 20000)),
         '20000 x 20000 is 400000000 pixels, and 100000000 are allowed; .*MMLITE_MAX_PIXELS'),
    case('JPEG head of 20000 x 20000', partial(write, lambda: jpeg_of(20000, 20000)),
         '20000 x 20000 is 400000000 pixels'),
    case('GIF head of 60000 x 60000', partial(write, lambda: gif_of(60000, 60000)),
         '60000 x 60000 is 3600000000 pixels'),
    case('PNG head of 2 billion x 1', partial(write, lambda: png_of(2**31 - 1, 1)),
         '2147483647 x 1 is'),
    Case('images', 'limit of pixels changed', 'skipped', limit_can_be_changed),
    Case('images', 'limit of pixels is no number', 'refused', limit_is_no_number),
    Case('images', 'all images bad', 'refused', all_bad),
    Case('images', 'more than max_bad', 'refused', too_many_at_the_limit),
    Case('images', 'an ending that OpenCV does not read', 'skipped', none_can_be_read),
]  # fmt: skip


def decodes_nothing(folder: Path) -> None:
    """The check at the start looks at heads only: 100 million pixels cost no time."""
    root = good_copy(folder)
    first_image(root).write_bytes(png_of(9999, 9999))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('an image was decoded'))
        assert voc(root).bad_items == {}


CASES.append(Case('images', 'large head within the limit', 'read', decodes_nothing))
