"""Figures of results: precision and recall, F1, confusion, error types, calibration.

Each function returns a Figure of matplotlib's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.evaluation.calibration import Calibration
from mmlite.evaluation.class_curves import ClassCurve
from mmlite.visualization.figures import new_figure

_IN_LEGEND = 10  # classes; of more, colours cannot be distinguished
_AT_ENDS = 5  # of more classes, the weakest and the strongest in the legend
_IN_CELLS = 25  # classes whose numbers fit into the cells of a confusion matrix


def pr_figure(curves: Sequence[ClassCurve], classes: Sequence[str]) -> Any:
    """Precision over recall, a curve for each class; its AP is in the legend."""

    def draw(axes: Any, curve: ClassCurve, name: str, **style: Any) -> Any:
        return axes.plot(curve.recall, curve.precision, label=f'{name} {curve.ap:.3f}', **style)[0]

    figure, axes = _per_class(curves, classes, draw)
    axes.set(title='Precision and recall', xlabel='recall', ylabel='precision')
    return figure


def f1_figure(curves: Sequence[ClassCurve], classes: Sequence[str]) -> Any:
    """F1 over the score threshold, a curve for each class with its best point."""

    def draw(axes: Any, curve: ClassCurve, name: str, **style: Any) -> Any:
        threshold, f1, *_ = curve.best()
        label = f'{name} {f1:.3f} at {threshold:.2f}'
        [line] = axes.plot(curve.scores, curve.f1, label=label, **style)
        axes.plot([threshold], [f1], 'o', color=line.get_color(), markersize=4)
        return line

    figure, axes = _per_class(curves, classes, draw)
    axes.set(title='F1 at each score threshold', xlabel='score threshold', ylabel='F1')
    return figure


def confusion_figure(matrix: np.ndarray, classes: Sequence[str]) -> Any:
    """The matrix of `confusion_matrix`: counts in the cells, colours by share of the row."""
    names = ['background', *classes]
    small = len(names) <= _IN_CELLS
    side = 3.0 + (0.42 if small else 0.2) * len(names)
    figure, [[axes]] = new_figure(side + 1.2, side)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    # a bar of the height of a small matrix, whatever the size
    figure.colorbar(image, ax=axes, label='share of the row', shrink=min(0.8, 6 / side))
    axes.set(title='Confusion matrix', xlabel='detected', ylabel='annotated')
    axes.spines[:].set_visible(False)
    size = 'medium' if small else 'small'
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    for row, column in np.argwhere(matrix) if small else ():
        ink = 'white' if shares[row, column] > 0.5 else 'black'
        count = matrix[row, column]
        axes.text(column, row, count, ha='center', va='center', color=ink, fontsize='small')
    return figure


def errors_figure(counts: Mapping[str, int], gains: Mapping[str, float]) -> Any:
    """Bars: how many errors of each type there are, and what they cost in AP."""
    figure, [[left, right]] = new_figure(9, 3.2, columns=2)
    names = list(counts)
    for axes, values, title in (
        (left, counts, 'Number of errors'),
        (right, gains, 'AP gained if they were none'),
    ):
        heights = [values[name] for name in names]
        bars = axes.barh(names, heights, color='#4c78a8')
        axes.bar_label(bars, fmt='{:,.4g}', padding=3, fontsize='small')
        axes.margins(x=0.15)
        axes.invert_yaxis()
        axes.set(title=title)
    return figure


def calibration_figure(result: Calibration) -> Any:
    """Share of right detections over their score, and how many there are."""
    figure, [[left, right]] = new_figure(9, 3.6, columns=2)
    bins = len(result.counts)
    centres = (np.arange(bins) + 0.5) / bins
    left.bar(centres, np.nan_to_num(result.precision), width=0.9 / bins, color='#4c78a8')
    left.plot([0, 1], [0, 1], '--', color='#888', linewidth=1)
    left.set(
        title=f'Calibration, mean error {result.error:.3f}', xlabel='score', xlim=(0, 1),
        ylabel='share that is right', ylim=(0, 1),
    )  # fmt: skip
    right.bar(centres, result.counts, width=0.9 / bins, color='#bbb')
    right.set(title='Detections', xlabel='score', xlim=(0, 1))
    if result.counts.any():
        right.set_yscale('log')
    return figure


def _per_class(
    curves: Sequence[ClassCurve], classes: Sequence[str], draw: Callable[..., None]
) -> tuple[Any, Any]:
    """Draws the classes that have boxes, each with a colour and a place in the legend.

    Of more than ten classes, the weakest and the strongest; the others are grey.
    """
    figure, [[axes]] = new_figure(7, 4)
    shown = [(c, name) for c, name in zip(curves, classes, strict=True) if c.num_gts]
    coloured, grey = shown, []
    if len(shown) > _IN_LEGEND:
        ordered = sorted(shown, key=lambda pair: -pair[0].ap)
        coloured, grey = ordered[:_AT_ENDS] + ordered[-_AT_ENDS:], ordered[_AT_ENDS:-_AT_ENDS]
    for curve, name in grey:
        draw(axes, curve, name, color='#ccc', linewidth=0.7)
    lines = [draw(axes, curve, name, linewidth=1.4) for curve, name in coloured]
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    if coloured:
        title = f'strongest and weakest {_AT_ENDS} of {len(shown)}' if grey else None
        axes.legend(
            handles=lines, title=title, frameon=False, fontsize='small', title_fontsize='small',
            loc='center left', bbox_to_anchor=(1, 0.5),
        )  # fmt: skip
    return figure, axes
