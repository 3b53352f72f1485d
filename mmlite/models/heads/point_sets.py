"""Sets of points that RepPoints predicts at each location, and the boxes around them.

Points are (N, 2 * n, H, W): y, x of each, in cells from the location, as a deformable convolution
takes them. A box is (N, 4, H, W): the distances from the location to its left, top, right and
bottom side, in cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from mmlite.errors import ConfigError, did_you_mean
from mmlite.ops.coders import on_device

_LEAST_SIDE = 1e-6


def side_of_square(num_points: int) -> int:
    """The side of the kernel with this number of taps.

    Raises:
        ConfigError: there is none with a tap in the middle, or it has one tap only.
    """
    side = math.isqrt(num_points)
    if side**2 != num_points or side % 2 == 0 or side == 1:
        raise ConfigError(
            'model.bbox_head.num_points: the square of an odd number, such as 9 or 25, is '
            f'expected, found {num_points}'
        )
    return side


def scaled_gradient(values: Tensor, share: float) -> Tensor:
    """Returns `values`, into which only a share of the gradient goes."""
    return share * values + (1 - share) * values.detach()


def square_grid(side: int, spread: float, like: Tensor) -> Tensor:
    """A grid of `side` x `side` points that reach from -spread to spread: (2 * side^2, 1, 1).

    With `side // 2` for the spread they are the taps of a convolution.
    """
    steps = [spread * (step / (side // 2) - 1) for step in range(side)]
    pairs = product(steps, steps)  # y changes slowly, x quickly
    return on_device(tuple(value for pair in pairs for value in pair), like)[:, None, None]


class FreePoints:
    """Each point moves by itself: what is predicted is how far.

    Args:
        side: of the kernel, whose taps look at the points.
        spread: half the side of the square in which they start as a grid, in cells; 0 for all in
            the middle.
    """

    def __init__(self, side: int, spread: float) -> None:
        self.num_outputs = 2 * side**2
        self.side, self.spread = side, spread

    def start(self, like: Tensor) -> Tensor:
        """Returns where the points are at first (2 * n, 1, 1)."""
        return square_grid(self.side, self.spread, like)

    def moved(self, where: Tensor, outputs: Tensor) -> Tensor:
        """Returns where the points are then (N, 2 * n, H, W)."""
        return where + outputs

    def points(self, where: Tensor) -> Tensor:
        """Returns the points (N, 2 * n, H, W)."""
        return where


class GridPoints:
    """The points are a grid in a box: what is predicted is how the box moves and grows.

    Args:
        side: of the kernel, whose taps look at the points.
        spread: half the side of the box at the start, in cells.
    """

    num_outputs = 4

    def __init__(self, side: int, spread: float) -> None:
        self.shares = tuple(step / (side - 1) for step in range(side))
        self.spread = spread

    def start(self, like: Tensor) -> Tensor:
        """Returns the box at first (4, 1, 1)."""
        return on_device((self.spread,) * 4, like)[:, None, None]

    def moved(self, where: Tensor, outputs: Tensor) -> Tensor:
        """Returns the box that follows from a box, both (N, 4, H, W)."""
        before, after = where.split(2, dim=-3)  # left and top, right and bottom
        sides = (before + after).clamp(min=_LEAST_SIDE)
        shift, growth = outputs.split(2, dim=-3)
        centre, half = (after - before) / 2 + sides * shift, sides * growth.exp() / 2
        return torch.cat([half - centre, half + centre], dim=-3)

    def points(self, where: Tensor) -> Tensor:
        """Returns the points (N, 2 * n, H, W) of a box (N, 4, H, W)."""
        before, after = where.split(2, dim=-3)
        sides, shares = before + after, on_device(self.shares, where)[:, None, None]
        # (N, 1, H, W) of x and y, (side, 1, 1) -> (N, side, H, W)
        x, y = (shares * sides[:, [i]] - before[:, [i]] for i in range(2))
        # (N, side, 1, H, W), (N, 1, side, H, W) -> (N, side, side, 2, H, W) -> (N, 2 * n, H, W)
        return torch.stack(torch.broadcast_tensors(y[:, :, None], x[:, None]), dim=3).flatten(1, 3)


def box_function(method: str) -> Callable[..., Tensor]:
    """Returns the function of a `transform_method`: points (N, 2 * n, H, W) -> box (N, 4, H, W).

    Raises:
        ConfigError: an unknown method.
    """
    if method not in _BOXES:
        raise ConfigError(
            f'model.bbox_head.transform_method: one of {", ".join(_BOXES)} is expected, found '
            f'{method!r}.{did_you_mean(str(method), _BOXES)}'
        )
    return _BOXES[method]


def box_of_extremes(points: Tensor) -> Tensor:
    """The smallest box around the points: (N, 2 * n, H, W) -> (N, 4, H, W)."""
    pairs = points.unflatten(1, (-1, 2))  # (N, n, 2, H, W)
    return _sides(pairs.amin(dim=1), pairs.amax(dim=1))


def box_of_first_four(points: Tensor) -> Tensor:
    """The smallest box around the first four of the points, see `box_of_extremes`."""
    return box_of_extremes(points[:, :8])


def box_of_moments(points: Tensor, transfer: Tensor) -> Tensor:
    """A box around the mean of the points, of their standard deviations to each side.

    Args:
        points: (N, 2 * n, H, W).
        transfer: (2,), logarithms of factors on the width and the height.

    Returns:
        (N, 4, H, W).
    """
    std, mean = torch.std_mean(points.unflatten(1, (-1, 2)), dim=1)  # each (N, 2, H, W)
    half = std * transfer.flip(0).exp()[:, None, None]
    return _sides(mean - half, mean + half)


def _sides(low: Tensor, high: Tensor) -> Tensor:
    """From the smallest and largest y, x (N, 2, H, W) each."""
    return torch.cat([-low.flip(1), high.flip(1)], dim=1)


_BOXES = dict(minmax=box_of_extremes, partial_minmax=box_of_first_four, moment=box_of_moments)
