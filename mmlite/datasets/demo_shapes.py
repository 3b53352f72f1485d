"""The shapes of the demo set: a table of outlines, and their masks.

Points are (x, y) with y downwards; outlines lie roughly within -1..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

MAX_TURN = 18  # degrees to either side; at 45 a square would be a diamond
SUPERSAMPLING = 4  # masks are drawn this much larger and averaged, for smooth edges

Ring = list[tuple[float, float]]  # a closed outline; a ring inside another one is a hole


def _arc(start: float, stop: float, rx: float, ry: float, cx: float = 0, cy: float = 0) -> Ring:
    """Returns points of an ellipse from angle `start` to `stop`, degrees clockwise from 3 h."""
    angles = np.radians(np.linspace(start, stop, 49))
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


def _spokes(count: int, *radii: float) -> Ring:
    """Returns a polygon with evenly turned corners, `radii` repeated `count` times from 12 h."""
    angles = 2 * np.pi * np.arange(count * len(radii)) / (count * len(radii))
    return [
        (radii[i % len(radii)] * math.sin(a), -radii[i % len(radii)] * math.cos(a))
        for i, a in enumerate(angles)
    ]


def _rectangle(rx: float, ry: float) -> Ring:
    return [(-rx, -ry), (rx, -ry), (rx, ry), (-rx, ry)]


def _heart() -> Ring:
    t = np.linspace(0, 2 * np.pi, 60)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return list(zip(np.sin(t) ** 3, -y / 16, strict=True))


# fmt: off
# No shape is another one mirrored (training flips images) or turned by up to 2 * MAX_TURN.
SHAPES: dict[str, list[Ring]] = {
    'disc': [_arc(0, 360, 1, 1)],
    'triangle': [_spokes(3, 1)],
    'cross': [[(-.3, -1), (.3, -1), (.3, -.3), (1, -.3), (1, .3), (.3, .3),
               (.3, 1), (-.3, 1), (-.3, .3), (-1, .3), (-1, -.3), (-.3, -.3)]],
    'ring': [_arc(0, 360, 1, 1), _arc(0, 360, .55, .55)],
    'hourglass': [[(-.8, -1), (.8, -1), (.15, 0), (.8, 1), (-.8, 1), (-.15, 0)]],
    'square': [_rectangle(1, 1)],
    'crescent': [_arc(52.4, 307.6, 1, 1) + _arc(277.9, 82.1, .8, .8, cx=.5)],
    'arrow': [[(0, -1), (.8, -.1), (.3, -.1), (.3, 1), (-.3, 1), (-.3, -.1), (-.8, -.1)]],
    'bar': [_rectangle(1, .4)],
    'heart': [_heart()],
    'letter_l': [[(-.7, -1), (-.15, -1), (-.15, .45), (.7, .45), (.7, 1), (-.7, 1)]],
    'diamond': [_spokes(2, 1, .55)],
    'letter_t': [[(-.85, -1), (.85, -1), (.85, -.45), (.28, -.45),
                  (.28, 1), (-.28, 1), (-.28, -.45), (-.85, -.45)]],
    'star': [_spokes(5, 1, .42)],
    'frame': [_rectangle(1, 1), _rectangle(.55, .55)],
    'chevron': [[(-1, .2), (0, -.8), (1, .2), (1, .8), (0, -.15), (-1, .8)]],
    'half_disc': [_arc(180, 360, 1, 1)],
    'lightning': [[(.35, -1), (-.6, .15), (-.05, .15), (-.35, 1), (.6, -.2), (.05, -.2)]],
    'horseshoe': [[(-1, -1), (-.45, -1), *_arc(180, 0, .45, .45), (.45, -1), (1, -1),
                   *_arc(0, 180, 1, 1)]],
    'saltire': [[(-1, -.6), (-.6, -1), (0, -.4), (.6, -1), (1, -.6), (.4, 0),
                 (1, .6), (.6, 1), (0, .4), (-.6, 1), (-1, .6), (-.4, 0)]],
    'drop': [[(0, -1), *_arc(-30, 210, .7, .7, cy=.4)]],
    'gear': [_spokes(8, 1, 1, .68, .68)],
    'house': [[(0, -1), (.9, -.2), (.65, -.2), (.65, 1), (-.65, 1), (-.65, -.2), (-.9, -.2)]],
    'letter_h': [[(-.8, -1), (-.3, -1), (-.3, -.25), (.3, -.25), (.3, -1), (.8, -1),
                  (.8, 1), (.3, 1), (.3, .25), (-.3, .25), (-.3, 1), (-.8, 1)]],
    'trapezoid': [[(-.45, -.6), (.45, -.6), (1, .6), (-1, .6)]],
    'ellipse_ring': [_arc(0, 360, 1, .55), _arc(0, 360, .62, .22)],
    'pie': [[(0, 0), *_arc(40, 320, 1, 1)]],
    'letter_z': [[(-.8, -1), (.8, -1), (.8, -.5), (-.1, .5), (.8, .5), (.8, 1),
                  (-.8, 1), (-.8, .5), (.1, -.5), (-.8, -.5)]],
}
# fmt: on
# After the table the shapes come again with a gap, lying and then upright: COCO has 80 classes.
GAPS = (_rectangle(2, 0.12), _rectangle(0.12, 2))
MAX_CLASSES = len(SHAPES) * (1 + len(GAPS))


@dataclass(frozen=True)
class Shape:
    """The shape of a class: the rings of its outline, and a gap across it (or None)."""

    rings: list[Ring]
    gap: Ring | None = None


def shape_of_each(classes: Sequence[str]) -> list[Shape]:
    """Returns a shape for each class name: the one of that name, or the next that is free."""
    free = [Shape(rings) for name, rings in SHAPES.items() if name not in classes]
    free += [Shape(rings, gap) for gap in GAPS for rings in SHAPES.values()]
    rest = iter(free)
    return [Shape(SHAPES[name]) if name in SHAPES else next(rest) for name in classes]


def render(shape: Shape, side: float, turn: float = 0, stretch: float = 1) -> np.ndarray:
    """Returns the mask of a shape whose longer side is `side`, with a margin of one pixel.

    Args:
        turn: degrees clockwise.
        stretch: width against height, before it is turned.
    """
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    matrix = np.array([[cos, sin], [-sin, cos]]) * [[stretch], [1]]
    centre = (np.min(shape.rings[0], axis=0) + np.max(shape.rings[0], axis=0)) / 2
    rings = [(np.array(ring) - centre) @ matrix for ring in shape.rings]
    low, high = np.min(rings[0], axis=0), np.max(rings[0], axis=0)
    scale = side / (high - low).max()
    # less a trace: 8.000001 pixels, as turning leaves them, are 8
    width, height = np.ceil((high - low) * scale - 1e-6).astype(int) + 2
    large = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)

    def to_pixels(ring: np.ndarray) -> np.ndarray:
        points = ((ring - (low + high) / 2) * scale + [width / 2, height / 2]) * SUPERSAMPLING
        # cv2 puts whole numbers at the centres of pixels
        return np.round(points - 0.5).astype(np.int32)

    cv2.fillPoly(large, [to_pixels(ring) for ring in rings], 255)
    if shape.gap is not None:
        cv2.fillPoly(large, [to_pixels(np.array(shape.gap) @ matrix)], 0)
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)
