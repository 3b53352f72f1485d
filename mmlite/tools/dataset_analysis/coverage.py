"""The share of boxes that the priors of a head can be trained on, by class and size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.points import points_in_range, spread
from mmlite.tools.dataset_analysis.positives import positive_priors, share_with_several
from mmlite.tools.dataset_analysis.priors import best_ious, prior_grid
from mmlite.tools.dataset_analysis.splits import NetworkBoxes
from mmlite.tools.dataset_analysis.statistics import SIZE_NAMES, size_class


@dataclass(frozen=True)
class Coverage:
    """How well the boxes of a split are covered.

    Attributes:
        values: (G,) the best IoU of each box; for points 1 where one is in range, else 0.
        counts: (G,) the number of positive priors (points) of each box, see `positives.py`.
        thresholds: from which values a box counts; the first is the assigner's.
        rows: a dict for all boxes, each class and each size: `what`, `boxes`, `shares` (one for
            each threshold), `mean` and `several`, the share with SEVERAL positive priors.
        levels: for points the share of the boxes that falls to each level.
    """

    values: np.ndarray
    counts: np.ndarray
    thresholds: tuple[float, ...]
    rows: list[dict[str, Any]]
    levels: list[float] | None = None

    def summary(self) -> dict[str, Any]:
        """Returns what goes into JSON."""
        return dict(thresholds=self.thresholds, rows=self.rows, levels=self.levels)


def measure_coverage(
    on_grid: HeadOnGrid, boxes: NetworkBoxes, classes: tuple[str, ...], thr: float
) -> Coverage:
    """Measures the coverage of the boxes of a split.

    Args:
        on_grid: the head.
        boxes: in pixels of the network's input.
        classes: their names.
        thr: IoU from which the assigner takes a prior.
    """
    assigner = on_grid.head.assigner
    if hasattr(assigner, 'in_range'):  # FCOS', SimOTA, RTMDet's
        counts = points_in_range(on_grid, boxes, assigner)
        values, thresholds, points = counts.any(axis=1).astype(float), (1.0,), counts.sum(axis=1)
        rows = _rows(values, points, boxes, classes, thresholds)
        return Coverage(values, points, thresholds, rows, spread(counts).tolist())
    generator = on_grid.compared
    grids = {size: prior_grid(generator, on_grid.featmap_sizes(size)) for size, _ in boxes.groups()}
    values = best_ious(boxes, grids)
    thresholds = tuple(round(thr + more, 2) for more in (0, 0.1, 0.2))
    counts = positive_priors(on_grid, boxes, thr)
    return Coverage(values, counts, thresholds, _rows(values, counts, boxes, classes, thresholds))


def _rows(
    values: np.ndarray,
    counts: np.ndarray,
    boxes: NetworkBoxes,
    classes: tuple[str, ...],
    thresholds: tuple[float, ...],
) -> list[dict[str, Any]]:
    size = size_class(boxes.sides)
    parts = {'all': np.ones(len(values), bool)}
    parts |= {name: boxes.labels == label for label, name in enumerate(classes, 1)}
    parts |= {name: size == number for number, name in enumerate(SIZE_NAMES)}
    return [
        dict(
            what=name,
            boxes=int(part.sum()),
            shares=[float((values[part] >= thr).mean()) for thr in thresholds],
            mean=float(values[part].mean()),
            several=share_with_several(counts[part]),
        )
        for name, part in parts.items()
        if part.any()
    ]
