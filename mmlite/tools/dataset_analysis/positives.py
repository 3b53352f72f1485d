"""How many priors each box would get in training: what it is learnt from.

Of two sets of priors with the same best IoUs, the one with more priors above the threshold has
more examples of each object in a step; see the measurement in docs/tools.md.
"""

from __future__ import annotations

import numpy as np
import torch
from torchvision.ops import box_iou

from mmlite.ops.assigners import chunks
from mmlite.support.arrays import evenly_spread
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.splits import NetworkBoxes

SEVERAL = 3  # positive priors that a box should have
MOST_BOXES = 1000  # that are looked at: each is compared with every prior
NOT_LOOKED_AT = -1


def positive_priors(on_grid: HeadOnGrid, boxes: NetworkBoxes, thr: float) -> np.ndarray:
    """Returns (G,) how many priors overlap each box with an IoU of at least `thr`; see `looked_at`.

    Where boxes overlap, a prior goes to one of them in training; that is not looked at here.
    """
    generator = on_grid.compared
    counts = np.full(len(boxes.labels), NOT_LOOKED_AT)
    chosen = looked_at(boxes)
    for size, rows in boxes.groups():
        rows = rows[np.isin(rows, chosen)]
        if not len(rows):
            continue
        sizes, like = on_grid.featmap_sizes(size), torch.zeros(0)
        priors, own = (made(sizes, like)[0] for made in (generator, on_grid.head.prior_generator))
        bboxes = torch.from_numpy(boxes.bboxes[rows]).float()
        for start, part in chunks(bboxes, len(priors)):
            above = box_iou(part, priors) >= thr  # (c, 4), (R * A, 4) -> (c, R * A)
            found = above.unflatten(1, (len(own), -1)).any(dim=2).sum(dim=1)
            counts[rows[start : start + len(part)]] = found.numpy()
    return counts


def looked_at(boxes: NetworkBoxes) -> np.ndarray:
    """Returns the rows of at most MOST_BOXES boxes, spread over the split."""
    return evenly_spread(len(boxes.labels), MOST_BOXES)


def share_with_several(counts: np.ndarray) -> float | None:
    """Returns the share of boxes with SEVERAL positive priors or more; None where none counts."""
    counts = counts[counts != NOT_LOOKED_AT]
    return float((counts >= SEVERAL).mean()) if len(counts) else None
