"""How much points count as background of each class (AutoAssign, Zhu et al. 2020, equation 9)."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-12


def negative_weight(ious: Tensor, inside: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """1 for all points and classes, but less where a box of the class is found.

    Args:
        ious: (g, R), of the boxes and the predicted ones.
        inside: (g, R), whether the point is in the box.
        labels: (g,) in 1..C.
        num_classes: C.

    Returns:
        (R, C) in [0, 1].
    """
    if not len(labels):
        return ious.new_ones(ious.shape[1], num_classes)
    # the IoU with the nearest box, whichever it is, seen from each box: (g, R)
    near = 1 / (1 - ious.amax(dim=0)).clamp(min=_LEAST).expand_as(ious)
    low = near.where(inside, torch.inf).amin(dim=1, keepdim=True)
    high = near.where(inside, 0).amax(dim=1, keepdim=True)
    less = (near - low + _LEAST) / (high - low + _LEAST)  # 0 to 1 inside of each box
    # of several boxes of a class around a point the last one says it: (C, R)
    order = torch.arange(len(labels), device=labels.device)[:, None].where(inside, -1)
    classes = (labels - 1)[:, None].expand_as(order)
    last = order.new_full((num_classes, ious.shape[1]), -1)
    last = last.scatter_reduce(0, classes, order, 'amax')
    said = 1 - less.gather(0, last.clamp(min=0))
    return said.where(last >= 0, 1).T
