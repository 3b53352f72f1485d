"""Several trainings side by side: what each reached, and one panel of curves for each number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from mmlite.errors import ConfigError, DataError, did_you_mean
from mmlite.visualization.curves import curves_of
from mmlite.visualization.figures import new_figure, save_figure

Log = Sequence[dict]  # the lines of a training, see `run_log`


def log_rows(runs: Mapping[str, Log]) -> list[tuple[str, ...]]:
    """Returns the rows of a table, one a training.

    Seconds are the median of the logged means of an iteration. The best mAP is that of the first
    figure whose name ends in mAP, with the epoch (or iteration) of its validation.
    """
    rows = [('training', 'iterations', 's/iteration', 'first loss', 'last loss', 'best mAP')]
    for name, lines in runs.items():
        training = [line for line in lines if 'iter' in line]
        losses = [line['loss'] for line in training if 'loss' in line]
        seconds = [line['time'] for line in training if 'time' in line]
        rows.append(
            (
                name,
                str(max((line['iter'] for line in training), default=0)),
                f'{median(seconds):.3f}' if seconds else '-',
                *(f'{losses[i]:.4g}' if losses else '-' for i in (0, -1)),
                _best_map(lines),
            )
        )
    return rows


def _best_map(lines: Log) -> str:
    curves = curves_of(
        [line for line in lines if 'iter' not in line], 'step', lambda key: key.endswith('mAP')
    )
    if not curves:
        return '-'
    values = next(iter(curves.values()))
    best = max(values, key=values.__getitem__)
    return f'{values[best]:.4f} at {best}'


def draw_runs(runs: Mapping[str, Log], keys: Sequence[str] | None, out: Path) -> None:
    """Draws a panel for each key, and in it a line for each training that has it.

    Args:
        runs: lines by the training's name.
        keys: names such as 'loss_cls' or 'pascal_voc/mAP'; 'mAP' stands for every name that ends
            in '/mAP' or '_mAP'. None for 'loss' and, where it was measured, 'mAP'.
        out: the picture; its ending says its format.

    Raises:
        ConfigError: no training has a number of that name, or no picture has that ending.
        DataError: there are neither losses nor mAPs, and no keys are given.
    """
    known = {key for lines in runs.values() for line in lines for key in line}
    keys = keys or [key for key in ('loss', 'mAP') if any(_means(key, name) for name in known)]
    for key in keys:
        if not any(_means(key, name) for name in known):
            raise ConfigError(
                f'--keys {key}: no number of that name in the logs.{did_you_mean(key, known)} '
                f'There are: {", ".join(sorted(known))}'
            )
    if not keys:
        raise DataError('the logs hold no losses and no mAP: nothing is there to be drawn')
    figure, [panels] = new_figure(5.5 * len(keys), 4, columns=len(keys))
    for axes, key in zip(panels, keys, strict=True):
        for name, lines in runs.items():
            for curve, (steps, values) in _curves(lines, key).items():
                label = name if curve == key or key == 'mAP' else f'{name}: {curve}'
                marker = 'o' if len(steps) < 30 else None  # one point makes no line
                axes.plot(steps, values, label=label, marker=marker, markersize=3, linewidth=1.3)
        axes.set(title=key, xlabel=_unit(runs, key))
        axes.grid(alpha=0.3)
        axes.legend(framealpha=0.8, edgecolor='none', fontsize='small')
    save_figure(figure, out)


def _curves(lines: Log, key: str) -> dict[str, tuple[list[float], list[float]]]:
    """Returns (steps, values) of each name that `key` stands for."""
    points: dict[str, dict[float, float]] = {}
    for line in lines:
        step = line.get('iter', line.get('step'))
        for name, value in line.items():
            if _means(key, name) and isinstance(value, (int, float)) and math.isfinite(value):
                points.setdefault(name, {})[step] = value  # of a step run twice, the later one
    return {
        name: (sorted(own), [own[step] for step in sorted(own)]) for name, own in points.items()
    }


def _unit(runs: Mapping[str, Log], key: str) -> str:
    """Returns what a number was logged over: mmengine counts validations in epochs, if it can."""
    lines = [line for run in runs.values() for line in run]
    by_iteration = any('iter' in line for line in lines if any(_means(key, name) for name in line))
    return 'iteration' if by_iteration or not any('epoch' in line for line in lines) else 'epoch'


def _means(key: str, name: str) -> bool:
    return name == key or (name.endswith((f'/{key}', f'_{key}')) and key.endswith('mAP'))
