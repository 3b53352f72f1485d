"""Mean, std, and pictures that are there twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.demo import draw_demo_set
from mmlite.tools.dataset_analysis.pixels import duplicates, pixel_statistics
from mmlite.tools.dataset_analysis.splits import Split
from tests.runs import CLASSES


def write(path: Path, img: np.ndarray, quality: int = 95) -> str:
    cv2.imwrite(str(path), img, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return str(path)


def part(name: str, files: list[str], **bad: str) -> Split:
    nothing = np.zeros(0, int)
    sizes = np.ones((len(files), 2), int)
    return Split(name, ('a',), files, bad, sizes, nothing, np.zeros((0, 4)), nothing, nothing == 1)


@pytest.fixture(scope='module')
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    root = draw_demo_set(tmp_path_factory.mktemp('photos'), CLASSES, 12, 6, (320, 240))
    return sorted(map(str, (root / 'JPEGImages').iterdir()))


def test_mean_and_std_are_over_all_pixels_and_in_rgb_order(tmp_path: Path) -> None:
    small = np.zeros((2, 2, 3), np.uint8)
    small[..., 0] = 40  # blue
    large = np.zeros((2, 6, 3), np.uint8)
    large[..., 2] = 80  # red
    files = [write(tmp_path / f'{n}.png', img) for n, img in enumerate((small, large))]
    found = pixel_statistics([*files, str(tmp_path / 'gone.png')], most=10)
    # 4 pixels of blue 40 and 12 of red 80; std of a share p of v: v * sqrt(p * (1 - p))
    assert found['images'] == 2
    assert found['0-255']['mean'] == [60, 0, 10]
    root = np.sqrt(3 / 16)
    assert found['0-255']['std'] == pytest.approx([80 * root, 0, 40 * root], abs=1e-3)
    assert found['0-1']['mean'] == pytest.approx([60 / 255, 0, 10 / 255], abs=1e-5)


def test_as_many_images_as_asked_for(photos: list[str]) -> None:
    assert pixel_statistics(photos, most=5)['images'] == 5


def test_different_pictures_are_no_copies(photos: list[str]) -> None:
    found = duplicates([part('train', photos[:12]), part('val', photos[12:])])
    assert found == dict(groups=[], within=dict(train=0, val=0), leaks={})


def test_a_copy_in_another_size_and_quality_is_found(photos: list[str], tmp_path: Path) -> None:
    img = cv2.imread(photos[3])
    again = write(tmp_path / 'again.jpg', img, quality=60)
    half = write(tmp_path / 'half.jpg', cv2.resize(img, None, fx=0.5, fy=0.5))
    found = duplicates([part('train', [*photos[:8], again]), part('val', [*photos[8:], half])])
    assert found['groups'] == [[('train', photos[3]), ('train', again), ('val', half)]]
    assert found['within'] == dict(train=1, val=0)
    assert found['leaks'] == {'val in train': 1}


def test_a_file_in_two_parts_is_a_leak_and_bad_ones_are_left_out(
    photos: list[str], tmp_path: Path
) -> None:
    gone, known = str(tmp_path / 'gone.jpg'), str(tmp_path / 'known.jpg')
    train = replace(part('train', [*photos[:3], gone, known]), bad={known: 'no such file'})
    found = duplicates([train, part('val', photos[2:4])])
    assert found['groups'] == [[('train', photos[2]), ('val', photos[2])]]
    assert found['leaks'] == {'val in train': 1}
    assert duplicates([part('train', [gone])])['groups'] == []
