"""What the figures hold; how they look was seen by eye."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmlite.evaluation.calibration import Calibration, calibration
from mmlite.evaluation.class_curves import class_curves
from mmlite.visualization import result_plots
from tests.evaluation.judged import judged

CLASSES = ('cat', 'dog')


def test_the_legend_names_ap_and_the_best_threshold() -> None:
    curves = class_curves(judged())  # cat: AP 0.5, best F1 2/3 at 0.9; dog: nothing found
    for figure, expected in (
        (result_plots.pr_figure(curves, CLASSES), ['cat 0.500', 'dog 0.000']),
        (result_plots.f1_figure(curves, CLASSES), ['cat 0.667 at 0.90', 'dog 0.000 at 0.30']),
    ):
        [axes] = figure.axes
        assert [text.get_text() for text in axes.get_legend().get_texts()] == expected


def test_of_many_classes_the_strongest_and_weakest_have_colours() -> None:
    cat = class_curves(judged())[0]  # AP 0.5
    curves = [replace(cat, ap=i / 80) for i in range(80)]
    names = [f'c{i}' for i in range(80)]
    for figure in (result_plots.pr_figure(curves, names), result_plots.f1_figure(curves, names)):
        legend = figure.axes[0].get_legend()
        shown = [text.get_text().split()[0] for text in legend.get_texts()]
        assert shown == ['c79', 'c78', 'c77', 'c76', 'c75', 'c4', 'c3', 'c2', 'c1', 'c0']
        assert legend.get_title().get_text() == 'strongest and weakest 5 of 80'
        colours = {handle.get_color() for handle in legend.legend_handles}
        assert len(colours) == 10
    [axes] = result_plots.pr_figure(curves, names).axes
    assert sum(line.get_color() == '#ccc' for line in axes.lines) == 70


def test_a_matrix_grows_with_the_classes() -> None:
    sizes = []
    for number in (3, 20, 80):
        names = [str(i) for i in range(number)]
        figure = result_plots.confusion_figure(np.zeros((number + 1,) * 2, int), names)
        label = figure.axes[0].get_yticklabels()[0]
        # the labels have room: a line for each
        room = figure.get_figheight() * 0.8 / (number + 1) * 72  # points
        assert label.get_fontsize() < room
        assert label.get_fontsize() > 8
        sizes.append(figure.get_figheight())
    assert sizes == sorted(sizes)


def test_the_cells_hold_the_counts() -> None:
    matrix = np.array([[0, 3, 2], [1, 5, 0], [1, 1, 0]])
    axes = result_plots.confusion_figure(matrix, CLASSES).axes[0]
    cells = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
    assert cells == {
        (0, 1): '3', (0, 2): '2', (1, 0): '1', (1, 1): '5', (2, 0): '1', (2, 1): '1',
    }  # fmt: skip
    assert axes.images[0].get_array()[1].tolist() == pytest.approx([1 / 6, 5 / 6, 0])
    assert [label.get_text() for label in axes.get_yticklabels()] == ['background', *CLASSES]


def test_bars_of_errors_and_of_scores() -> None:
    figure = result_plots.errors_figure(dict(both=3, missed=0), dict(both=0.25, missed=0.0))
    assert [[bar.get_width() for bar in axes.patches] for axes in figure.axes] == [
        [3, 0],
        [0.25, 0],
    ]
    left, right = result_plots.calibration_figure(calibration(judged(), bins=2)).axes
    assert [bar.get_height() for bar in left.patches] == pytest.approx([0, 1 / 5])
    assert [bar.get_height() for bar in right.patches] == [2, 5]


def test_no_detections_at_all() -> None:
    empty = Calibration(np.zeros(2, int), np.full(2, np.nan), np.full(2, np.nan))
    assert 'error 0.000' in result_plots.calibration_figure(empty).axes[0].get_title()
    assert result_plots.pr_figure([], ()).axes[0].get_legend() is None
