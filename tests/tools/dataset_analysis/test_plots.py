"""What the pictures of an analysis hold for few and many classes; how they look was seen by eye."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmlite.tools.dataset_analysis import plots
from mmlite.visualization.figures import new_figure


def analysis(number: int) -> SimpleNamespace:
    """One box a class in training and none in validation, as far as pictures read it."""
    classes = tuple(f'class {i}' for i in range(number))
    counts = {name: dict(boxes=1) for name in classes}
    sides = np.stack([np.arange(10, 10 + number)] * 2, axis=1).astype(float)
    coverage = SimpleNamespace(levels=None, values=np.full(number, 0.7), thresholds=(0.5, 0.4))
    split = SimpleNamespace(
        image=np.arange(number), ignored=np.zeros(number, bool), files=['a'] * number
    )
    return SimpleNamespace(
        classes=classes,
        figures={part: dict(classes=counts) for part in ('train', 'val')},
        splits=dict(train=split, val=split),
        boxes=dict(train=SimpleNamespace(sides=sides, labels=np.arange(1, number + 1))),
        before=dict(train=coverage),
        after=dict(train=coverage),
        suggestion=None,
        prior_sides=(sides, sides),
    )


def test_the_picture_of_classes_grows_with_them(tmp_path: Path) -> None:
    heights = []
    for number in (3, 20, 80):
        written = plots.write_plots(analysis(number), tmp_path)
        assert [path.name for path in written] == ['classes.png', 'boxes.png', 'priors.png']
        heights.append(cv2.imread(str(written[0])).shape[0])
    # 110 dots an inch: 2.5 inches at least; 1.2, and 0.2 for each bar, of which a class has two
    assert heights == [275, pytest.approx(110 * 9.2, abs=1), pytest.approx(110 * 33.2, abs=1)]


@pytest.mark.parametrize(
    ('number', 'names'), [(3, ['class 0', 'class 1', 'class 2']), (11, ['all classes'])]
)
def test_colours_have_a_legend(number: int, names: list[str]) -> None:
    _, [[axes]] = new_figure(4, 4)
    plots._shapes(axes, analysis(number))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == [*names, 'priors of the config']
