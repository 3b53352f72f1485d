"""Curves of one training run, from the file of numbers that mmengine writes."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mmlite.errors import DataError
from mmlite.visualization.figures import new_figure, save_figure
from mmlite.visualization.run_log import read_scalars

_MEAN_AP = re.compile(r'mAP(_50|_75|_s|_m|_l)?$')
_MOST_CURVES = 10  # more cannot be distinguished by their colours

Curves = dict[str, dict[float, float]]  # name -> {step: value}


def plot_curves(scalars_json: str | os.PathLike, out_png: str | os.PathLike) -> None:
    """Draws losses, validation results and learning rate side by side.

    Args:
        scalars_json: `vis_data/scalars.json` of a work dir: one JSON dict a line, training lines
            with `iter`, `lr` and losses, validation lines with `step` and the metrics' figures.
        out_png: the picture; its ending says its format.

    Raises:
        ConfigError: no picture has that ending.
        DataError: the file is not there, or holds no training or validation lines.
    """
    figure = curves_figure(read_scalars(Path(scalars_json)))
    if figure is None:
        raise DataError(f'{scalars_json}: no losses, validation results or learning rates in it')
    save_figure(figure, Path(out_png))


def curves_figure(lines: Sequence[dict]) -> Any:
    """Returns `plot_curves` of the lines of a log as matplotlib's Figure; None for no numbers."""
    training = [line for line in lines if 'iter' in line]
    validation = [line for line in lines if 'iter' not in line]
    # mmengine counts validations as it counts training: in epochs where its log has them
    unit = 'epoch' if any('epoch' in line for line in training) else 'iteration'
    panels = [
        ('Loss', 'iteration', curves_of(training, 'iter', lambda key: 'loss' in key)),
        ('Validation', unit, validation_curves(validation)),
        ('Learning rate', 'iteration', curves_of(training, 'iter', lambda key: key == 'lr')),
    ]
    panels = [panel for panel in panels if panel[2]]
    if not panels:
        return None

    figure, [row] = new_figure(5 * len(panels), 3.6, columns=len(panels))
    for axes, (title, x_label, curves) in zip(row, panels, strict=True):
        for name, values in curves.items():
            steps = sorted(values)
            marker = 'o' if len(steps) < 30 else None  # one point makes no line
            width = 2.0 if name in ('loss', 'lr') or name.endswith('mAP') else 1.2
            heights = [values[step] for step in steps]
            axes.plot(steps, heights, label=name, marker=marker, markersize=3, linewidth=width)
        axes.set(title=title, xlabel=x_label)
        axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        if len(curves) > 1 or title == 'Validation':
            axes.legend(framealpha=0.8, edgecolor='none', fontsize='small')
    return figure


def validation_curves(lines: Sequence[dict]) -> Curves:
    """Returns the mAPs (COCO's also at 0.5, 0.75 and by size), or the first figures of another."""
    curves = curves_of(lines, 'step', lambda key: bool(_MEAN_AP.search(key)))
    curves = curves or curves_of(lines, 'step', lambda key: '/' in key)
    return dict(list(curves.items())[:_MOST_CURVES])


def curves_of(lines: Sequence[dict], step_key: str, wanted: Callable[[str], bool]) -> Curves:
    """Returns the wanted numbers by step; of a step that was run twice, the later one."""
    curves: Curves = {}
    for line in lines:
        for key, value in line.items():
            # COCO's figures are -1 where there was nothing to measure
            if wanted(key) and isinstance(value, (int, float)) and 0 <= value < math.inf:
                curves.setdefault(key, {})[line.get(step_key, 0)] = value
    return curves
