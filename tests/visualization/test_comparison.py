from __future__ import annotations

import numpy as np
import pytest

from mmlite.errors import DataError
from mmlite.evaluation.bootstrap import Difference
from mmlite.evaluation.error_types import judge
from mmlite.visualization.comparison import (
    check_comparable,
    check_same_truth,
    difference_rows,
    figure_rows,
    headline_text,
)


class Files(list):
    """A data set of file names, as far as it is compared."""

    classes: tuple[str, ...] = ('cat', 'dog')

    def filename(self, i: int) -> str:
        return self[i]


class Swapped(Files):
    """The classes in another order."""

    classes = ('dog', 'cat')


def test_the_same_images_may_lie_in_other_folders() -> None:
    check_comparable(Files(['/a/1.jpg', '/a/2.jpg']), Files(['C:\\b\\1.jpg', 'b/2.jpg']), 'A', 'B')


@pytest.mark.parametrize(
    ('other', 'message'),
    [
        (Files(['/a/1.jpg']), 'A and B: .* found number of images 2 and 1'),
        (Files(['/a/1.jpg', '/a/3.jpg']), r'found image 1 /a/2\.jpg and /a/3\.jpg'),
        (Swapped(['/a/1.jpg', '/a/2.jpg']), r"found classes \('cat', 'dog'\) and \('dog', "),
    ],
)
def test_others_are_refused(other: Files, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_comparable(Files(['/a/1.jpg', '/a/2.jpg']), other, 'A', 'B')


def test_other_annotations_are_refused() -> None:
    truth = dict(bboxes=np.array([[0.0, 0, 9, 9]]), labels=np.array([1]))
    moved = dict(truth, bboxes=truth['bboxes'] + 1)
    nothing = [[np.zeros((0, 5), np.float32)]]
    one, other = judge(nothing, [truth]), judge(nothing, [moved])
    check_same_truth(one, one, 'A', 'B')
    with pytest.raises(DataError, match='A and B: the same annotations are expected'):
        check_same_truth(one, other, 'A', 'B')


def test_rows_and_verdicts() -> None:
    def column(*values: float) -> np.ndarray:
        return np.array(values)

    difference = Difference(
        first=column(0.5, np.nan, 0.5, 0.5, 0.5),
        second=column(0.75, np.nan, 0.25, 0.25, 0.4999),
        low=column(0.125, np.nan, -0.375, np.nan, -0.125),
        high=column(0.375, np.nan, -0.125, np.nan, 0.125),
    )
    rows = difference_rows(difference, ['a', 'b', 'c', 'd'])
    assert rows[1:] == [
        ('a', '0.500', '0.750', '+0.250', '+0.125 to +0.375', 'B is better'),
        ('b', '-', '-', '-', '-', 'no boxes'),
        ('c', '0.500', '0.250', '-0.250', '-0.375 to -0.125', 'A is better'),
        ('d', '0.500', '0.250', '-0.250', '-', 'not certain'),  # no round drew a box of it
        ('mean', '0.500', '0.500', '+0.000', '-0.125 to +0.125', 'not certain'),
    ]


def test_the_figures_of_the_config_with_the_headline_first() -> None:
    first, second = {'v/AP50': 0.5, 'v/mAP': 0.25}, {'v/AP50': 0.5, 'v/mAP': 0.125}
    assert figure_rows('v/mAP', first, second) == [
        ('figure', 'A', 'B', 'B - A'),
        ('v/mAP', '0.2500', '0.1250', '-0.1250'),
        ('v/AP50', '0.5000', '0.5000', '+0.0000'),
    ]
    assert headline_text('v/mAP', first, second) == (
        "v/mAP, the metric of A's config: A 0.2500, B 0.1250, B - A -0.1250"
    )
    assert headline_text(None, {}, {}) == "The metric of A's config gives no figure"
