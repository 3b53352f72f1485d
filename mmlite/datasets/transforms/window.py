"""Window: a picture that is yet to be made, so that crop, expand and resize touch pixels once.

`Compose` hands one along, as `results['img']`, where transforms that take windows follow each
other, and makes the pixels after the last of them; one that does not take windows never sees one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

REDUCTIONS = (8, 4, 2)  # what libjpeg can decode at: an eighth, a quarter, a half
_WARP_LIMIT = 2**15 - 1  # cv2.warpAffine counts pixels in 16 bits


class Encoded(Protocol):
    """A picture not yet decoded."""

    shape: tuple[int, int, int]

    def decode(self, reduction: int = 1) -> np.ndarray:
        """Returns (h, w, 3), each edge divided by `reduction` and rounded up."""


def takes_window(transform: Any) -> bool:
    """Whether a transform says that it also works on a Window in the place of `img`.

    Its class has to say so itself: a subclass of one that does may well look at pixels.
    """
    return vars(type(transform)).get('takes_window', False)


@dataclass(frozen=True)
class Window:
    """A part of a picture as it is to come out. Its methods return new windows.

    What a method cannot add to what there is (a crop after a resize) makes the pixels first, so
    any order of calls gives what the functions of geometry.py give; with differences of rounding
    only where the window reaches beyond the picture.

    Args:
        source: the picture (h, w, c), or an encoded one.
        view: (left, top, w, h) of what is seen, in pixels of the source; may lie beyond it.
        fill: BGR of what lies beyond.
        size: (w, h) that the view is resized to; None: its own.
        interpolation: OpenCV's code.
        recolors: functions from picture to picture that treat each pixel by itself.
        flip_code: OpenCV's, if the picture is mirrored.
    """

    source: np.ndarray | Encoded
    view: tuple[int, int, int, int]
    fill: tuple[float, ...] = ()
    size: tuple[int, int] | None = None
    interpolation: int = cv2.INTER_LINEAR
    recolors: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    flip_code: int | None = None

    @classmethod
    def of(cls, source: np.ndarray | Encoded) -> Window:
        """Returns the window that shows the whole of a picture."""
        height, width = source.shape[:2]
        return cls(source, (0, 0, width, height))

    @property
    def shape(self) -> tuple[int, ...]:
        """(h, w, c) of the pixels."""
        width, height = self.size or self.view[2:]
        return (height, width, *self.source.shape[2:])

    def expand(
        self, size: tuple[int, int], offset: tuple[int, int], fill: Sequence[float]
    ) -> Window:
        """The picture at `offset` (x, y) of a canvas of `size` (w, h)."""
        start = self._only_cut()
        if start.view != (0, 0, *start.source.shape[1::-1]):
            start = Window.of(start.pixels())
        return replace(start, view=(-offset[0], -offset[1], *size), fill=tuple(fill))

    def crop(self, patch: Sequence[int]) -> Window:
        """The patch (x1, y1, x2, y2) of the picture."""
        x1, y1, x2, y2 = map(int, patch)
        start = self._only_cut()
        left, top = start.view[:2]
        return replace(start, view=(left + x1, top + y1, x2 - x1, y2 - y1))

    def resize(self, size: tuple[int, int], interpolation: int) -> Window:
        """The picture at `size` (w, h)."""
        return replace(self._only_cut(), size=tuple(size), interpolation=interpolation)

    def flip(self, code: int) -> Window:
        """The picture mirrored."""
        start = self if self.flip_code is None else Window.of(self.pixels())
        return replace(start, flip_code=code)

    def recolor(self, function: Callable[[np.ndarray], np.ndarray]) -> Window:
        """The picture in other colours; `function` treats each pixel by itself."""
        return replace(self, recolors=(*self.recolors, function))

    def _only_cut(self) -> Window:
        """This window if it can still be cut and resized, else one of its pixels."""
        if self.size is None and self.flip_code is None and not self.recolors:
            return self
        return Window.of(self.pixels())

    def pixels(self) -> np.ndarray:
        """Returns the picture (h, w, c); a view of the source where that will do."""
        if isinstance(self.source, np.ndarray):
            part, place = self._part(self.source, 1)
        else:
            reduction = self._reduction()
            part, place = self._part(self.source.decode(reduction), reduction)
        fill = self._fill(part.dtype)
        for recolor in self.recolors if part.size else ():
            part = recolor(part)
        if part.shape[:2] != self.shape[:2]:
            # what lies beyond has one colour: it is done on one pixel
            for recolor in self.recolors:
                fill = recolor(fill)
            part = on_canvas(part, self.shape[1::-1], place, fill)
        return part if self.flip_code is None else cv2.flip(part, self.flip_code)

    def _fill(self, dtype: np.dtype) -> np.ndarray:
        """The fill as a picture of one pixel; cut to whole numbers, as `expand_image` does."""
        return np.array(self.fill).astype(dtype).reshape(1, 1, -1)

    @property
    def _can_be_warped(self) -> bool:
        """Whether each pixel is a point of the view and not, enlarged, one beyond its border."""
        return (
            self.size is not None
            and self.size[0] <= self.view[2]
            and self.size[1] <= self.view[3]
            and self.interpolation == cv2.INTER_LINEAR
            and max(self.source.shape) < _WARP_LIMIT
        )

    def _reduction(self) -> int:
        """How far the source may be reduced so that no less than a pixel falls to a pixel."""
        if not self._can_be_warped:
            return 1
        zoom_out = min(seen / made for seen, made in zip(self.view[2:], self.size, strict=True))
        return next((number for number in REDUCTIONS if number <= zoom_out), 1)

    def _part(self, picture: np.ndarray, reduction: int) -> tuple[np.ndarray, tuple[int, int]]:
        """Returns what is seen of the picture, at its final size, and its (left, top) there."""
        left, top, width, height = self.view
        if self.size in (None, (width, height)):
            return seen_part(picture, self.view)
        inside = (
            min(left, top) >= 0
            and left + width <= self.source.shape[1]
            and top + height <= self.source.shape[0]
        )
        if inside and not any(number % reduction for number in self.view):
            left, top, width, height = (number // reduction for number in self.view)
            part = picture[top : top + height, left : left + width]
            return cv2.resize(part, self.size, interpolation=self.interpolation), (0, 0)
        if self._can_be_warped:
            fill = self._fill(picture.dtype)
            return warped_part(picture, self.view, self.size, reduction, fill)
        part, place = seen_part(picture, self.view)
        part = on_canvas(part, (width, height), place, self._fill(part.dtype))
        return cv2.resize(part, self.size, interpolation=self.interpolation), (0, 0)


def seen_part(
    picture: np.ndarray, view: tuple[int, int, int, int]
) -> tuple[np.ndarray, tuple[int, int]]:
    """Returns what a view (left, top, w, h) shows of a picture, and its (left, top) in there."""
    left, top, width, height = view
    x, y = max(left, 0), max(top, 0)
    return picture[y : max(top + height, 0), x : max(left + width, 0)], (x - left, y - top)


def warped_part(
    picture: np.ndarray,
    view: tuple[int, int, int, int],
    size: tuple[int, int],
    reduction: int,
    fill: np.ndarray,
) -> tuple[np.ndarray, tuple[int, int]]:
    """Samples what a view shows of a picture, bilinearly, and leaves out the rest of the view.

    Args:
        picture: (h, w, c), its edges divided by `reduction`.
        view: (left, top, w, h) in pixels of the picture before it was reduced.
        size: (w, h) that the whole view is resized to.
        reduction: what the picture was divided by.
        fill: one pixel, mixed into the border of the picture, as on a canvas.

    Returns:
        The part (h', w', c) and its (left, top) in the resized view.
    """
    x, y = (
        _samples(view[axis], view[axis + 2], size[axis], reduction, picture.shape[1 - axis])
        for axis in (0, 1)
    )
    if not (x.count and y.count):
        return picture[:0, :0], (0, 0)
    part = cv2.warpAffine(
        picture,
        np.array([[x.step, 0, x.start], [0, y.step, y.start]]),
        (x.count, y.count),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill.ravel().tolist(),
    )
    return part, (x.first, y.first)


class _Samples(NamedTuple):
    """The points along an axis that show something: `start + i * step` for i in range(count)."""

    start: float
    step: float
    first: int  # how many points lie before them
    count: int


def _samples(begin: int, seen: int, made: int, reduction: int, length: int) -> _Samples:
    """Places `made` points on `seen` pixels from `begin`; a picture of `length` is there at 0."""
    step = seen / made / reduction
    # centres on centres, as cv2.resize has it
    start = (begin + 0.5 * seen / made) / reduction - 0.5
    first = min(max(math.floor((-1 - start) / step) + 1, 0), made)
    last = min(max(math.ceil((length - start) / step), first), made)
    return _Samples(start + first * step, step, first, last - first)


def on_canvas(
    part: np.ndarray, size: tuple[int, int], place: tuple[int, int], fill: np.ndarray
) -> np.ndarray:
    """Returns a canvas of `size` (w, h) in the colour of `fill`, one pixel, the part at `place`."""
    if part.shape[1::-1] == tuple(size):
        return part
    if not part.size:
        return np.full((*size[::-1], *part.shape[2:]), fill, part.dtype)
    fill = fill.ravel().tolist()
    right, bottom = (size[axis] - place[axis] - part.shape[1 - axis] for axis in (0, 1))
    return cv2.copyMakeBorder(
        part, place[1], bottom, place[0], right, cv2.BORDER_CONSTANT, value=fill
    )
