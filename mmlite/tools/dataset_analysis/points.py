"""How many points may look for each box."""

from __future__ import annotations

import numpy as np
import torch

from mmlite.ops.assigners import FCOSAssigner, chunks
from mmlite.ops.dynamic_assigners import DynamicKAssigner
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.splits import NetworkBoxes


def points_in_range(
    on_grid: HeadOnGrid, boxes: NetworkBoxes, assigner: FCOSAssigner | DynamicKAssigner
) -> np.ndarray:
    """Returns (G, L): the number of points of each level that may look for a box.

    Where boxes overlap, a point goes to one of them in training; that is not looked at here.
    """
    generator = on_grid.head.prior_generator
    found = np.zeros((len(boxes.labels), generator.num_levels), np.int64)
    for size, rows in boxes.groups():
        priors, num_per_level = generator(on_grid.featmap_sizes(size), torch.zeros(0))
        bboxes = torch.from_numpy(boxes.bboxes[rows]).float()
        for start, part in chunks(bboxes, len(priors)):
            fits = assigner.in_range(priors, num_per_level, part)
            counts = [level.sum(dim=1) for level in fits.split(num_per_level, dim=1)]
            found[rows[start : start + len(part)]] = torch.stack(counts, dim=1).numpy()
    return found


def spread(counts: np.ndarray) -> np.ndarray:
    """Returns (L,): the share of the boxes that falls to each level.

    Args:
        counts: (G, L); a box with points in several levels falls to each in part.
    """
    found = counts[counts.any(axis=1)]
    parts = found / found.sum(axis=1, keepdims=True)
    return parts.sum(axis=0) / max(len(found), 1)
