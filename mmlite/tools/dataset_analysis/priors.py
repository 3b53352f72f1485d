"""How well the priors of a head cover boxes: the best IoU that each box finds.

Of all priors of one shape the one whose centre is nearest overlaps a box most: along each axis the
overlap of two intervals only falls with the distance of their centres. So one prior for each
level and shape is looked at, P in all, not one for each cell, and nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmlite.ops.priors import GridPriors
from mmlite.tools.dataset_analysis.splits import NetworkBoxes

_PAIRS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class PriorGrid:
    """The priors of an input of one size; each row stands for one shape at every cell of a level.

    Attributes:
        wh: (P, 2) sides in pixels.
        first: (P, 2) x, y of the centre in the first cell.
        stride: (P, 2) pixels between cells in x and y.
        cells: (P, 2) number of cells in x and y.
    """

    wh: np.ndarray
    first: np.ndarray
    stride: np.ndarray
    cells: np.ndarray


def prior_grid(generator: GridPriors, featmap_sizes: Sequence[tuple[int, int]]) -> PriorGrid:
    """Returns the priors of a generator for feature maps of these sizes (h, w)."""
    base = _base_priors(generator)
    counts = generator.num_priors_per_location
    cells = np.array(featmap_sizes)[:, ::-1]
    return PriorGrid(
        wh=prior_sides(generator),
        first=(base[:, :2] + base[:, 2:]) / 2,
        stride=np.repeat(np.array(generator.strides_of(featmap_sizes), float), counts, axis=0),
        cells=np.repeat(cells, counts, axis=0),
    )


def prior_sides(generator: GridPriors) -> np.ndarray:
    """Returns (P, 2): w, h in pixels of the priors of one location in every level."""
    base = _base_priors(generator)
    return base[:, 2:] - base[:, :2]


def _base_priors(generator: GridPriors) -> np.ndarray:
    return np.concatenate([level.numpy() for level in generator.base_priors]).astype(np.float64)


def center_distances(bboxes: np.ndarray, grid: PriorGrid) -> np.ndarray:
    """Returns (g, P, 2): how far, in x and y, the nearest prior's centre is from each box's."""
    centers = (bboxes[:, None, :2] + bboxes[:, None, 2:]) / 2
    cell = np.clip(np.round((centers - grid.first) / grid.stride), 0, grid.cells - 1)
    return np.abs(grid.first + cell * grid.stride - centers)


def ious_at(sides: np.ndarray, wh: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Returns the IoU (g, P) of boxes and priors whose centres are so far apart.

    Args:
        sides: (g, 2) of the boxes.
        wh: (P, 2) of the priors.
        distances: (g, P, 2) from `center_distances`.
    """
    inter = np.ones(distances.shape[:2], distances.dtype)
    for axis in (0, 1):  # one by one: numpy is slow along an axis of two
        side, prior = sides[:, None, axis], wh[:, axis]
        overlap = (side + prior) / 2 - distances[:, :, axis]
        inter *= np.clip(overlap, 0, np.minimum(side, prior), out=overlap)
    return inter / (sides.prod(axis=1)[:, None] + wh.prod(axis=1) - inter)


def best_ious(boxes: NetworkBoxes, grids: dict[tuple[int, int], PriorGrid]) -> np.ndarray:
    """Returns (G,): the IoU of each box with the prior that overlaps it most.

    Args:
        boxes: of a split.
        grids: the priors for each input size (w, h).
    """
    best = np.zeros(len(boxes.bboxes))
    for size, rows in boxes.groups():
        grid = grids[size]
        for part in _chunks(rows, len(grid.wh)):
            bboxes = boxes.bboxes[part]
            ious = ious_at(bboxes[:, 2:] - bboxes[:, :2], grid.wh, center_distances(bboxes, grid))
            best[part] = ious.max(axis=1)
    return best


def _chunks(rows: np.ndarray, width: int) -> Iterator[np.ndarray]:
    step = max(1, _PAIRS_AT_ONCE // width)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]
