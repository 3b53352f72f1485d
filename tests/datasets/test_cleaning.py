"""What is left out of annotations, and which images `indices` chooses."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.annotations import flat_records
from mmlite.datasets.cleaning import (
    chosen_images,
    clip_to_sizes,
    possible_boxes,
    shares_warning,
    trained_boxes,
    trained_images,
)
from mmlite.errors import ConfigError, DataError


def records(*bboxes: tuple, size: tuple = (20, 10)):
    """One image with these boxes, and one without any."""
    n = len(bboxes)
    arrays = np.array(bboxes, np.float64).reshape(-1, 4), np.ones(n), np.zeros(n)
    return flat_records(['/d/a.jpg', '/d/b.jpg'], np.array([size, (4, 4)]), [n, 0], *arrays)


def test_boxes_that_no_image_can_have() -> None:
    left, counts = possible_boxes(
        records((1, 1, 5, 5), (np.nan, 1, 5, 5), (5, 1, 1, 5), (3, 3, 3, 3))
    )
    assert left.bboxes.tolist() == [[1, 1, 5, 5], [3, 3, 3, 3]]
    assert [count for count, _ in counts] == [1, 1]


def test_boxes_of_the_training() -> None:
    left, counts = trained_boxes(
        records((-1, 1, 5, 5), (3, 3, 3, 3), (1, 1, 3, 9), (30, 1, 40, 5)), min_size=3
    )
    # clipped at 0; of no width; 2 wide, so ignored; beyond the width of 20
    assert left.bboxes.tolist() == [[0, 1, 5, 5], [1, 1, 3, 9]]
    assert left.difficult.tolist() == [False, True]
    assert [count for count, _ in counts] == [1, 2, 1]


def test_images_of_the_training() -> None:
    one = records((1, 1, 5, 5))
    assert trained_images(one, {}, ())[0].tolist() == [0, 1]
    assert trained_images(one, dict(filter_empty_gt=True), ())[0].tolist() == [0]
    assert trained_images(one, dict(filter_empty_gt=True), ('/d/b.jpg',))[0].tolist() == [0, 1]
    kept, counts = trained_images(one, dict(min_size=5), ())
    assert kept.tolist() == [0] and counts[0] == (1, 'images left out by min_size')


def test_shares_of_the_image() -> None:
    share, pixels = [0.1, 0.2, 0.5, 0.9], [1, 2, 30, 40]
    assert shares_warning(np.array([pixels]), 'x') == ''
    assert shares_warning(np.array([share, pixels]), 'x').startswith('1 boxes within 0 to 1')
    with pytest.raises(DataError, match=r'x: all of its 1 boxes lie within 0 to 1, such as 0\.1'):
        shares_warning(np.array([share]), 'x')


def test_images_by_index_and_name() -> None:
    files = ['/d/a/1.jpg', '/d/b/1.jpg', '/d/b/2.jpg']
    assert chosen_images(files, 2, 'x') == [0, 1]
    assert chosen_images(files, [2, 'b/1.jpg', '2.jpg', '/d/a/1.jpg'], 'x') == [2, 1, 2, 0]
    with pytest.raises(ConfigError, match=r"'1\.jpg', and 2 images have that name: /d/a/1\.jpg"):
        chosen_images(files, ['1.jpg'], 'x')
    for wrong in (3, -1, '3.jpg', 'c/2.jpg'):
        with pytest.raises(ConfigError, match='has 3 images; none is of this index or name'):
            chosen_images(files, [wrong], 'x')
    assert chosen_images(['/d/1.jpg', '/d/1.jpg'], ['1.jpg'], 'x') == [1]  # listed twice


def test_clip_to_sizes() -> None:
    bboxes = np.array([[-1, -2, 30, 40], [5, 6, 7, 8]], np.float32)
    clipped = clip_to_sizes(bboxes, np.array([[20, 0], [6, 6]]))  # no height known of the first
    assert clipped.tolist() == [[0, 0, 20, 40], [5, 6, 6, 6]]
    assert clipped.dtype == np.float32
