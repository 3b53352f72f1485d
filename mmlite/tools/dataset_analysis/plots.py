"""An analysis as pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlite.support.arrays import evenly_spread
from mmlite.tools.dataset_analysis.analysis import Analysis
from mmlite.visualization import class_colour
from mmlite.visualization.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COLOURS = 10  # classes that can be distinguished by their colours
_MOST_POINTS = 5000


def write_plots(found: Analysis, folder: Path) -> list[Path]:
    """Draws PNGs of the boxes and of the priors' coverage into a folder; returns their paths."""
    bars = len(found.classes) * len(found.figures)
    pages = {
        'classes.png': (9, max(2.5, 1.2 + 0.2 * bars), [_class_counts]),
        'boxes.png': (15, 4.6, [_boxes_per_image, _sizes, _ratios]),
        'priors.png': (12, 4.6, [_shapes, _coverage]),
    }
    return [_write(found, *page, folder / name) for name, page in pages.items()]


def _write(
    found: Analysis,
    width: float,
    height: float,
    panels: list[Callable[[Axes, Analysis], None]],
    path: Path,
) -> Path:
    figure, [row] = new_figure(width, height, columns=len(panels))
    for axes, panel in zip(row, panels, strict=True):
        panel(axes, found)
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    figure.savefig(path)
    return path


def _colour(label: int) -> tuple[float, ...]:
    """A class has the colour that its boxes have in pictures."""
    return tuple(part / 255 for part in class_colour(label)[::-1])


def _frequent(found: Analysis) -> list[tuple[int, str]]:
    """(label, name) of the classes, that with most boxes in training first."""
    counts = found.figures['train']['classes']
    return sorted(enumerate(counts, 1), key=lambda item: -counts[item[1]]['boxes'])


def _class_counts(axes: Axes, found: Analysis) -> None:
    names = [name for _, name in _frequent(found)][::-1]
    height = 0.8 / len(found.figures)
    for number, (part, figures) in enumerate(found.figures.items()):
        places = np.arange(len(names)) - number * height
        counts = [figures['classes'][name]['boxes'] for name in names]
        bars = axes.barh(places, counts, height, label=part)
        axes.bar_label(bars, padding=3, fontsize='small')
    axes.set_yticks(np.arange(len(names)) - height * (len(found.figures) - 1) / 2, names)
    axes.margins(x=0.12, y=0.5 / len(names))
    axes.set(title='Boxes of each class', xlabel='boxes')
    axes.legend(frameon=False, loc='upper left', bbox_to_anchor=(1, 1))


def _boxes_per_image(axes: Axes, found: Analysis) -> None:
    counts = {
        name: np.bincount(split.image[~split.ignored], minlength=len(split.files))
        for name, split in found.splits.items()
    }
    most = max(values.max(initial=0) for values in counts.values())
    bins = np.arange(-0.5, most + 1.5, max(1, most // 50))
    axes.hist(
        list(counts.values()),
        bins=bins,
        weights=[np.full(len(values), 100 / len(values)) for values in counts.values()],
        label=list(counts),
    )
    axes.set(title='Boxes in an image', xlabel='boxes', ylabel='% of the images')
    axes.legend(frameon=False)


def _sizes(axes: Axes, found: Analysis) -> None:
    sizes = np.sqrt(found.boxes['train'].sides.prod(axis=1))
    _by_class(axes, found, sizes)
    for limit in (32, 96):
        axes.axvline(limit, color='black', linestyle=':', linewidth=1)
    axes.set(
        title='Size of the training boxes (dotted: 32 and 96)',
        xlabel="square root of the area, pixels of the network's input",
        ylabel='% of its boxes',
    )


def _ratios(axes: Axes, found: Analysis) -> None:
    sides = found.boxes['train'].sides
    _by_class(axes, found, sides[:, 1] / sides[:, 0])
    axes.set(title='Shape of the training boxes', xlabel='h / w', ylabel='% of its boxes')


def _by_class(axes: Axes, found: Analysis, values: np.ndarray) -> None:
    """One outline for each class, see `_coloured`."""
    low, high = np.quantile(values, (0.001, 0.999))
    bins = np.geomspace(low, max(high, low * 1.01), 40)
    for name, part, colour in _coloured(found):
        if part.any():
            weights = np.full(part.sum(), 100 / part.sum())
            axes.hist(
                values[part],
                bins=bins,
                weights=weights,
                histtype='step',
                linewidth=1.8,
                color=colour,
                label=name,
            )
    _plain_log_axis(axes.xaxis, axes.set_xscale)
    axes.legend(frameon=False)


def _coloured(found: Analysis) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Yields name, mask of the training boxes and colour: of each class, or of all together.

    More than ten classes could not be distinguished by their colours.
    """
    labels = found.boxes['train'].labels
    if len(found.classes) > _MOST_COLOURS:
        yield 'all classes', np.ones(len(labels), bool), 'tab:blue'
        return
    for label, name in _frequent(found):
        yield name, labels == label, _colour(label)


def _plain_log_axis(axis: Any, set_scale: Callable[..., None]) -> None:
    """A logarithmic axis with numbers that people read: 20, 50, 100."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    set_scale('log')
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter('{x:g}'))
    axis.set_minor_formatter(NullFormatter())


def _shapes(axes: Axes, found: Analysis) -> None:
    """Sides of boxes and priors."""
    sides = found.boxes['train'].sides
    shown = np.zeros(len(sides), bool)
    shown[evenly_spread(len(sides), _MOST_POINTS)] = True
    for name, part, colour in _coloured(found):
        axes.scatter(
            *sides[part & shown].T, s=5, color=colour, alpha=0.35, linewidths=0, label=name
        )
    if not found.before['train'].levels:  # points have no shape
        before, after = found.prior_sides
        axes.scatter(*before.T, marker='x', c='grey', s=28, label='priors of the config')
        if found.suggestion:
            axes.scatter(*after.T, marker='+', c='black', s=60, label='suggested priors')
    for handle in axes.legend(frameon=False).legend_handles:
        handle.set(alpha=1, sizes=[28])  # the dots of the boxes are too small and pale for it
    _plain_log_axis(axes.xaxis, axes.set_xscale)
    _plain_log_axis(axes.yaxis, axes.set_yscale)
    axes.set(title='Training boxes, and priors', xlabel='w, pixels', ylabel='h, pixels')


def _coverage(axes: Axes, found: Analysis) -> None:
    before, after = found.before['train'], found.after['train']
    parts = {'config': before} | ({'suggestion': after} if found.suggestion else {})
    if before.levels is not None:
        width = 0.8 / len(parts)
        for number, (name, part) in enumerate(parts.items()):
            places = np.arange(len(part.levels)) + number * width
            axes.bar(places, 100 * np.array(part.levels), width, label=name)
        axes.set_xticks(range(len(before.levels)))
        axes.set(title='Training boxes by level', xlabel='level', ylabel='% of the boxes')
    else:
        for name, part in parts.items():
            ious = np.sort(part.values)
            axes.plot(ious, 100 * (1 - np.arange(len(ious)) / len(ious)), label=name)
        axes.axvline(before.thresholds[0], color='black', linestyle=':', linewidth=1)
        axes.set(
            title=f'Coverage of the training boxes (dotted: positive from IoU '
            f'{before.thresholds[0]:g})',
            xlabel='IoU with the best prior',
            ylabel='% of the boxes that reach it',
            xlim=(0.3, 1),
        )
    axes.legend(frameon=False)
