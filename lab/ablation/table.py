"""The table of an ablation, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from lab.ablation.results import finished, read_step_times
from lab.ablation.rows import Ablation
from mmlite.errors import ConfigError, did_you_mean


def markdown_table(ablation: Ablation, folder: Path) -> str:
    """Returns a line for each row with a result: the mean of its seeds in percent.

    Where there are several, ± is half the distance between the least and the greatest of them.

    Raises:
        ConfigError: a column names a metric that a result has not.
    """
    step_times = read_step_times(folder)
    head = ['row', 'seeds', *ablation.columns, 'parameters', 'multiply-adds']
    head += ['step'] if step_times else []
    lines = [head, ['---'] * len(head)]
    for row in ablation.rows:
        results = finished(folder, row)
        if not results:
            continue
        figures = [
            _spread([100 * _figure(result, metric) for result in results])
            for metric in ablation.columns.values()
        ]
        time = step_times.get(row.name)
        size = results[0]
        lines.append(
            [
                row.name,
                ', '.join(str(result['seed']) for result in results),
                *figures,
                f'{size["parameters"] / 1e6:.1f} M',
                f'{size["multiply_adds"] / 1e9:.1f} G',
            ]
        )
        if step_times:
            lines[-1].append(f'{time["seconds"]:.2f} s' if time else '')
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def _figure(result: dict, metric: str) -> float:
    metrics = result['metrics']
    if metric not in metrics:
        raise ConfigError(
            f"columns: '{metric}' is no metric of the row {result['row']}."
            f'{did_you_mean(metric, metrics)} It has: {", ".join(metrics)}'
        )
    return metrics[metric]


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f'{values[0]:.1f}'
    return f'{statistics.mean(values):.1f} ± {(max(values) - min(values)) / 2:.1f}'
