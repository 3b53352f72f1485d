"""Figures of matplotlib without pyplot: no display is needed, its global state is left alone."""

from __future__ import annotations

from typing import Any


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """Returns a Figure of inches, and its axes as an array (rows, columns), open at top and right.

    matplotlib is imported here: it takes long, and most runs draw nothing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    for one in axes.flat:
        one.spines[['top', 'right']].set_visible(False)
    return figure, axes
