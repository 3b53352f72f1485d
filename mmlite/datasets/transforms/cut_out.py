"""CutOut: rectangles of one colour at random places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import fill_value
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

Pairs = tuple[float, float] | Sequence[tuple[float, float]]


@TRANSFORMS.register_module()
class CutOut:
    """Covers rectangles of the picture (DeVries and Taylor 2017); the boxes stay.

    A rectangle begins at a random pixel; what sticks out of the picture is cut off.

    Args:
        n_holes: how many, or (least, most).
        cutout_shape: (w, h) in pixels, or a list of these, of which one is drawn each time.
        cutout_ratio: in its place: shares of the picture's width and height.
        fill_in: BGR.

    Raises:
        ConfigError: not exactly one of `cutout_shape` and `cutout_ratio`, or a value out of range.
    """

    def __init__(
        self,
        n_holes: int | tuple[int, int],
        cutout_shape: Pairs | None = None,
        cutout_ratio: Pairs | None = None,
        fill_in: float | Sequence[float] = (0, 0, 0),
    ) -> None:
        if (cutout_shape is None) == (cutout_ratio is None):
            raise ConfigError(
                'CutOut: one of cutout_shape (pixels) and cutout_ratio (shares) is needed, found '
                f'cutout_shape={cutout_shape!r}, cutout_ratio={cutout_ratio!r}'
            )
        holes = (n_holes, n_holes) if isinstance(n_holes, int) else tuple(n_holes)
        if len(holes) != 2 or not 0 <= holes[0] <= holes[1]:
            raise ConfigError(
                f'CutOut.n_holes: a number, or (least, most), is expected, found {n_holes!r}'
            )
        self.n_holes = holes
        self.in_pixels = cutout_shape is not None
        given = cutout_shape if self.in_pixels else cutout_ratio
        self.candidates = list(given) if isinstance(given[0], Sequence) else [given]
        largest = np.inf if self.in_pixels else 1
        if not all(
            len(pair) == 2 and 0 <= min(pair) <= max(pair) <= largest for pair in self.candidates
        ):
            raise ConfigError(
                f'CutOut: (w, h) is expected{"" if self.in_pixels else ", shares within 0 to 1"}, '
                f'found {given!r}'
            )
        self.fill_in = fill_value('CutOut.fill_in', fill_in)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        height, width = results['img'].shape[:2]
        img = results['img'].copy()
        for _ in range(np.random.randint(self.n_holes[0], self.n_holes[1] + 1)):
            left, top = np.random.randint(0, width), np.random.randint(0, height)
            w, h = self.candidates[np.random.randint(0, len(self.candidates))]
            if not self.in_pixels:
                w, h = int(w * width), int(h * height)
            img[top : top + int(h), left : left + int(w)] = self.fill_in
        results['img'] = img
        return results
