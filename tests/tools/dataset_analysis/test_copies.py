"""Pictures that are there twice."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.demo import draw_demo_set
from mmlite.tools.dataset_analysis.copies import Copies, find_copies
from tests.runs import CLASSES


def write(path: Path, img: np.ndarray, quality: int = 95) -> str:
    cv2.imwrite(str(path), img, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return str(path)


@pytest.fixture(scope='module')
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = draw_demo_set(tmp_path_factory.mktemp('photos'), CLASSES, 12, 6, (320, 240))
    return sorted(map(str, (root / 'JPEGImages').iterdir()))


def test_different_pictures_are_no_copies(photos: list[str]) -> None:
    found = find_copies(dict(train=photos[:12], val=photos[12:]))
    assert found == Copies([], dict(train=0, val=0), {}, {}, [])


def test_a_copy_in_another_size_and_quality_is_found(photos: list[str], tmp_path: Path) -> None:
    img = cv2.imread(photos[3])
    again = write(tmp_path / 'again.jpg', img, quality=60)
    half = write(tmp_path / 'half.jpg', cv2.resize(img, None, fx=0.5, fy=0.5))
    found = find_copies(dict(train=[*photos[:8], again], val=[*photos[8:], half]))
    assert found.groups == [[('train', photos[3]), ('train', again), ('val', half)]]
    assert found.within == dict(train=1, val=0)
    assert found.leaks == {'val in train': 1}
    assert found.alike == {}


def test_a_small_object_tells_pictures_apart(photos: list[str], tmp_path: Path) -> None:
    """A frame of the same film: 6 x 6 of 320 x 240 pixels are others."""
    img = cv2.imread(photos[0])
    img[100:106, 50:56] = 255 * (img[100:106, 50:56].mean() < 128)
    frame = write(tmp_path / 'frame.png', img)
    found = find_copies(dict(train=photos[:2], val=[frame]))
    assert found.groups == []
    assert found.leaks == {}
    assert found.alike == {'val in train': 1}


def test_pictures_of_one_colour_are_not_compared(tmp_path: Path) -> None:
    black = [write(tmp_path / f'{i}.png', np.zeros((64, 64, 3), np.uint8)) for i in range(4)]
    found = find_copies(dict(train=black[:2], val=black[2:]))
    assert found.groups == [] and found.leaks == {} and found.alike == {}
    # one file is one file
    assert find_copies(dict(train=black[:2], val=black[1:])).leaks == {'val in train': 1}


def test_a_file_in_two_parts_is_a_leak(photos: list[str], tmp_path: Path) -> None:
    gone = str(tmp_path / 'gone.jpg')
    parts = dict(train=[*photos[:3], gone], val=photos[2:4])
    for by_pixels in (True, False):
        found = find_copies(parts, by_pixels)
        assert found.groups == [[('train', photos[2]), ('val', photos[2])]]
        assert found.leaks == {'val in train': 1}
    assert find_copies(dict(train=[gone])).groups == []


def test_a_file_listed_twice(photos: list[str]) -> None:
    found = find_copies(dict(train=photos[:3], val=[photos[4], photos[5], photos[4]]), False)
    assert found.within == dict(train=0, val=1)
    assert found.groups == [[('val', photos[4]), ('val', photos[4])]]
