"""What the head of an image file shows: its size, and why it cannot be read."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmlite.datasets import image_files
from mmlite.datasets.image_files import read_heads, read_size
from mmlite.datasets.image_header import max_pixels, read_header


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MMLITE_CACHE', str(tmp_path / 'cache'))


def write(path: Path, size: tuple[int, int] = (30, 20)) -> str:
    path.write_bytes(cv2.imencode(path.suffix, np.zeros((*size[::-1], 3), np.uint8))[1])
    return str(path)


@pytest.mark.parametrize('ending', ['.jpg', '.png', '.webp', '.bmp', '.tif', '.ppm', '.hdr'])
def test_sizes(tmp_path: Path, ending: str) -> None:
    assert read_size(write(tmp_path / f'a{ending}')) == (30, 20)


def test_a_size_that_cannot_be_read_is_0(tmp_path: Path) -> None:
    (tmp_path / 'a.jpg').write_text('no image')
    for path in (tmp_path / 'a.jpg', tmp_path / 'gone.jpg', 'a\0.jpg'):
        assert read_size(str(path)) == (0, 0)


def test_a_head_does_not_change_what_pillow_allows_others(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    with open(write(tmp_path / 'a.png'), 'rb') as file:
        assert read_header(file).size == (30, 20)
    assert before == Image.MAX_IMAGE_PIXELS is not None


def test_the_limit_of_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert max_pixels() == 100_000_000
    monkeypatch.setenv('MMLITE_MAX_PIXELS', '7')
    assert max_pixels() == 7


def test_good_files_are_opened_once_and_bad_ones_at_each_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = write(tmp_path / 'a.png'), str(tmp_path / 'b.png')
    Path(bad).write_text('no image', encoding='utf-8')
    opened = []
    head = image_files.read_head
    monkeypatch.setattr(image_files, 'read_head', lambda p: opened.append(p) or head(p))
    heads = read_heads([good, bad], 'x')
    assert list(heads.errors) == [bad]
    # (w, h) of the good one; of the other nothing is known
    assert heads.sizes.tolist() == [[30, 20], [0, 0]] and heads.turned.tolist() == [False, False]
    assert good in opened
    opened.clear()
    again = read_heads([good, bad], 'x')
    assert list(again.errors) == [bad] and again.sizes.tolist() == heads.sizes.tolist()
    assert opened == [bad]
    write(Path(bad))
    assert read_heads([good, bad], 'x').errors == {}
    Path(good).write_text('', encoding='utf-8')
    expected = {good: f'{good}: the image file is empty (0 bytes)'}
    assert read_heads([good, bad], 'x').errors == expected
    assert read_heads([], 'y').errors == {}
