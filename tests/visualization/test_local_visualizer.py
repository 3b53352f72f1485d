"""mmdet's name for the visualizer: the figure that mmengine makes at once comes when needed."""

from __future__ import annotations

import numpy as np
from mmengine.visualization import Visualizer

from mmlite.visualization.local_visualizer import DetLocalVisualizer


def drawn(visualizer: Visualizer, size: tuple[int, int]) -> np.ndarray:
    visualizer.set_image(np.full((*size, 3), 90, np.uint8))
    visualizer.draw_bboxes(np.array([[4, 5, 15, 15]]), edge_colors='r')
    return visualizer.get_image()


def test_it_draws_what_mmengines_draws() -> None:
    ours, theirs = DetLocalVisualizer(), Visualizer()
    for size in ((24, 40), (30, 20)):  # the second image goes into the same figure
        picture = drawn(ours, size)
        assert picture.shape == (*size, 3)
        assert (picture[..., 0] > picture[..., 2]).any()  # a red box on grey
        assert (picture == drawn(theirs, size)).all()


def test_there_is_no_figure_before_there_is_an_image() -> None:
    visualizer = DetLocalVisualizer()
    assert visualizer.fig_save_canvas is None
    drawn(visualizer, (24, 40))
    assert visualizer.fig_save_canvas is not None
