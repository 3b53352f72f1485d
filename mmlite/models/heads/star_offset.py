"""Where a predicted box says that a 3x3 convolution should look, in VFNet."""

from __future__ import annotations

import torch
from torch import Tensor

_TO_BOX = 0.1  # share of the gradient that goes from what is seen there into the box


def star_offset(sides: Tensor, stride: float) -> Tensor:
    """How far each tap is from where the box says it should look (Zhang et al. 2021, fig. 4).

    Args:
        sides: (N, 4, H, W), distances to left, top, right, bottom in pixels.
        stride: pixels per cell.

    Returns:
        (N, 18, H, W) offsets y, x of each tap in cells.
    """
    sides = (_TO_BOX * sides + (1 - _TO_BOX) * sides.detach()) / stride
    left, top, right, bottom = sides.unbind(dim=1)  # each (N, H, W)
    zero = torch.zeros_like(left)
    # a tap is at -1, 0 or 1 already: (N, 3, H, W)
    y = torch.stack([1 - top, zero, bottom - 1], dim=1)
    x = torch.stack([1 - left, zero, right - 1], dim=1)
    # (N, 3, 1, H, W) and (N, 1, 3, H, W) -> (N, 3, 3, 2, H, W) -> (N, 18, H, W)
    pair = torch.broadcast_tensors(y[:, :, None], x[:, None])
    return torch.stack(pair, dim=3).flatten(1, 3)
