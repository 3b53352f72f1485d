"""Numbers in sentences."""

from __future__ import annotations

import pytest

from mmlite.support.words import counted, first_of


@pytest.mark.parametrize(
    ('number', 'what', 'words'),
    [
        (1, 'picture', '1 picture'),
        (0, 'picture', '0 pictures'),
        (2, 'box', '2 boxes'),
        (3, 'class', '3 classes'),
        (8, 'batch', '8 batches'),
    ],
)
def test_one_and_several(number: int, what: str, words: str) -> None:
    assert counted(number, what) == words


def test_the_first_names() -> None:
    assert first_of(['a', 'b', 'c'], 2) == 'a, b and 1 more'
    assert first_of(['a', 'b'], 2) == 'a, b'
