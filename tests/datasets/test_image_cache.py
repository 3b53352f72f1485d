"""ImageCache: what is kept, and how much."""

from __future__ import annotations

import numpy as np
import pytest

from mmlite.datasets.image_cache import ImageCache


def image(number: int = 0) -> np.ndarray:
    return np.full((2, 5), number, np.uint8)  # 10 bytes


def test_keeps_until_it_is_full():
    cache = ImageCache(25)
    for number in range(4):
        cache.get(number, lambda number=number: image(number))
    made_again = [cache.get(number, lambda: image(9))[0, 0] for number in range(4)]
    assert made_again == [0, 1, 9, 9]  # 10 + 10 + 10 > 25
    assert cache.room == 5


def test_what_is_kept_is_read_only_and_nothing_else():
    cache = ImageCache(10)
    with pytest.raises(ValueError, match='read-only'):
        cache.get('a', image)[:] = 1
    cache.get('b', image)[:] = 1


def test_no_room_keeps_nothing():
    cache = ImageCache(0)
    assert cache.get('a', image) is not cache.get('a', image)
