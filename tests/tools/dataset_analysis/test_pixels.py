"""Mean and std."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmlite.datasets.demo import draw_demo_set
from mmlite.tools.dataset_analysis.pixels import pixel_statistics
from tests.runs import CLASSES


def write(path: Path, img: np.ndarray, quality: int = 95) -> str:
    cv2.imwrite(str(path), img, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return str(path)


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
