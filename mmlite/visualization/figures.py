"""Figures of matplotlib without pyplot: no display is needed, its global state is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmlite.errors import ConfigError, did_you_mean
from mmlite.support.files import make_folder


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


def save_figure(figure: Any, path: Path) -> None:
    """Writes a figure of matplotlib's to a file, whose ending says its kind; makes the folder.

    Raises:
        ConfigError: matplotlib has no kind of that ending.
    """
    kinds = sorted(figure.canvas.get_supported_filetypes())
    kind = path.suffix.removeprefix('.').lower()
    if kind not in kinds:
        raise ConfigError(
            f"{path}: a picture of the kind '{kind}' cannot be drawn.{did_you_mean(kind, kinds)} "
            f'Endings: {", ".join(kinds)}'
        )
    make_folder(path.parent)
    figure.savefig(path)
