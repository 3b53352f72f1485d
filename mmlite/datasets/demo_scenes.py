"""The scenes of the demo set: shapes of random colour and texture on textured ground.

Lengths are in pixels, points (x, y) with y downwards, images (h, w, 3) BGR, masks (h, w) with
the share of each pixel that is covered, 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

MIN_SIDE = 96  # in smaller images 1/8 of the side is too little to tell shapes apart
SMALL_CHANCE = 0.25  # of an object: its longer side is below 1/8 of the image's shorter side
COVER_CHANCE = 0.58  # of an object to be laid over an earlier one; some find none that fits
HEAVY_CHANCE = 0.3  # of those to hide more than half, which makes the one below difficult
EDGE_CHANCE = 0.1  # of an object to stick out of the image
OUTLINE_CHANCE = 0.4
MAX_TURN = 18  # degrees; at 45 a square would be a diamond
MAX_STRETCH = 1.15
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
    'bar': [_rectangle(1, .3)],
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
# Past the table, shapes come again with a gap: lying, then upright. 84 classes hold COCO's 80.
GAPS = (_rectangle(2, 0.12), _rectangle(0.12, 2))
MAX_CLASSES = len(SHAPES) * (1 + len(GAPS))


@dataclass(frozen=True)
class Shape:
    """What tells a class: the rings of its outline, and a gap across it (or None)."""

    rings: list[Ring]
    gap: Ring | None = None


@dataclass
class DrawnObject:
    """An object of a scene.

    Attributes:
        label: what `Scene.add` was given.
        box: (x1, y1, x2, y2), first and last column and row of its mask inside the image,
            counted from 0; what lies on top of it takes nothing away.
        area: pixels of that mask.
        hidden: share of them that lies under objects added later.
        truncated: whether a part lies outside the image.
    """

    label: int
    box: tuple[int, int, int, int]
    area: int
    hidden: float
    truncated: bool


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
    width, height = np.ceil((high - low) * scale).astype(int) + 2
    large = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)

    def to_pixels(ring: np.ndarray) -> np.ndarray:
        points = ((ring - (low + high) / 2) * scale + [width / 2, height / 2]) * SUPERSAMPLING
        # cv2 puts whole numbers at the centres of pixels
        return np.round(points - 0.5).astype(np.int32)

    cv2.fillPoly(large, [to_pixels(ring) for ring in rings], 255)
    if shape.gap is not None:
        cv2.fillPoly(large, [to_pixels(np.array(shape.gap) @ matrix)], 0)
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA) / np.float32(255)


class Scene:
    """A picture in the making, `size` = (w, h): textured ground, to which objects are added.

    Attributes:
        canvas: (h, w, 3) float32.
        seen: (h, w) int32, index of the object seen at each pixel, -1 for the ground.
        objects: what has been added.
    """

    def __init__(self, rng: Generator, size: tuple[int, int]) -> None:
        self.rng = rng
        self.canvas = paint(rng, size, rng.uniform(30, 225, 3), contrast=70)
        self.seen = np.full((size[1], size[0]), -1, np.int32)
        self.objects: list[DrawnObject] = []

    def add(self, label: int, shape: Shape) -> None:
        """Adds an object of random size where there is room; in a full scene, none."""
        rng, short = self.rng, min(self.seen.shape)
        small = rng.random() < SMALL_CHANCE
        low, high = (max(10, short / 14), short / 8 - 1) if small else (short / 7, short / 2)
        side = low * (high / low) ** rng.random()
        turn, stretch = rng.uniform(-MAX_TURN, MAX_TURN), MAX_STRETCH ** rng.uniform(-1, 1)
        mask, spot = render(shape, side, turn, stretch), None
        if rng.random() < COVER_CHANCE:
            spot = self._spot_over_another(mask)
        if spot is None and not small and rng.random() < EDGE_CHANCE:
            spot = self._free_spot(mask, outside=int(0.3 * side))
        spot = spot or self._free_spot(mask)
        while spot is None and side > low:
            side = max(0.8 * side, low)
            mask = render(shape, side, turn, stretch)
            spot = self._free_spot(mask)
        if spot is not None:
            self._draw(label, mask, *spot)

    def photograph(self) -> np.ndarray:
        """Returns the picture as uint8, under uneven light, a little blurred and noisy."""
        rng, (height, width) = self.rng, self.seen.shape
        light = 1 + rng.uniform(0, 0.5) * (_gradient(rng, width, height) - 0.5)
        picture = self.canvas * light[..., None]
        if rng.random() < 0.3:
            picture = cv2.GaussianBlur(picture, (3, 3), rng.uniform(0.4, 0.8))
        grain = rng.standard_normal((height, width, 1), np.float32) * np.float32(rng.uniform(1, 6))
        return np.clip(picture + grain, 0, 255).astype(np.uint8)

    def _free_spot(self, mask: np.ndarray, outside: int = 0) -> tuple[int, int] | None:
        """Returns a random (x, y) for the mask's corner where its frame touches no object.

        With `outside`, the frame crosses one border of the image by up to so many pixels.
        """
        rows, columns = mask.shape
        pad_y, pad_x = (outside, 0) if self.rng.random() < 0.5 else (0, outside)
        busy = np.pad(self.seen >= 0, ((pad_y, pad_y), (pad_x, pad_x)))
        if rows > busy.shape[0] or columns > busy.shape[1]:
            return None
        sums = cv2.integral(busy.astype(np.uint8))
        below = sums[rows:, columns:] - sums[rows:, :-columns]
        above = sums[:-rows, columns:] - sums[:-rows, :-columns]
        free = below == above
        if outside:
            free[pad_y : free.shape[0] - pad_y, pad_x : free.shape[1] - pad_x] = False
        spots = np.argwhere(free)
        if len(spots) == 0:
            return None
        y, x = spots[self.rng.integers(len(spots))]
        return int(x) - pad_x, int(y) - pad_y

    def _spot_over_another(self, mask: np.ndarray) -> tuple[int, int] | None:
        """Returns an (x, y) where the mask hides a part of one object that was all in sight."""
        least, most = (0.55, 0.8) if self.rng.random() < HEAVY_CHANCE else (0.1, 0.4)
        solid = mask >= 0.5
        rows, columns = mask.shape
        whole = [
            i
            for i, other in enumerate(self.objects)
            if other.hidden == 0 and least * other.area < solid.sum() / 1.3
        ]
        if not whole:
            return None
        target = int(self.rng.choice(whole))
        x1, y1, x2, y2 = self.objects[target].box
        for _ in range(40):
            x = int(self.rng.integers(x1 - columns, x2 + 1))
            y = int(self.rng.integers(y1 - rows, y2 + 1))
            if min(x, y) < 0 or x + columns > self.seen.shape[1] or y + rows > self.seen.shape[0]:
                continue
            under = self.seen[y : y + rows, x : x + columns][solid]
            hidden = (under == target).sum() / self.objects[target].area
            if least <= hidden <= most and np.isin(under, (-1, target)).all():
                return x, y
        return None

    def _draw(self, label: int, mask: np.ndarray, x: int, y: int) -> None:
        """Draws a mask with its upper left corner at (x, y), which may lie outside."""
        full_area = int((mask >= 0.5).sum())
        mask = mask[max(-y, 0) : self.seen.shape[0] - y, max(-x, 0) : self.seen.shape[1] - x]
        x, y = max(x, 0), max(y, 0)
        frame = (slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1]))
        ground = self.canvas[frame]
        colour = _contrasting_colour(self.rng, ground)
        fill = paint(self.rng, mask.shape[::-1], colour, contrast=50)
        if self.rng.random() < OUTLINE_CHANCE:
            reach = 3 if min(mask.shape) < 40 else 5
            inner = cv2.erode(mask, np.ones((reach, reach), np.uint8))
            line = self.rng.uniform(0, 255, 3)
            fill = line + (fill - line) * inner[..., None]
        self.canvas[frame] = ground + (fill - ground) * mask[..., None]

        solid = mask >= 0.5
        rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
        box = (x + columns[0], y + rows[0], x + columns[-1], y + rows[-1])
        area = int(solid.sum())
        self.seen[frame][solid] = len(self.objects)
        self.objects.append(
            DrawnObject(label, tuple(map(int, box)), area, 0.0, truncated=area < full_area)
        )
        for i, other in enumerate(self.objects):
            other.hidden = 1 - int((self.seen == i).sum()) / other.area


def paint(rng: Generator, size: tuple[int, int], colour: np.ndarray, contrast: float) -> np.ndarray:
    """Returns a (h, w, 3) float32 surface of a random texture around `colour`.

    Args:
        size: (w, h).
        colour: (3,) BGR.
        contrast: largest difference between the extremes of the texture, per channel.
    """
    texture = TEXTURES[rng.integers(len(TEXTURES))]
    field = texture(rng, *size) + 0.3 * (_noise(rng, *size, cell=2) - 0.5)
    swing = rng.uniform(-contrast, contrast, 3)
    return np.float32(colour + (field[..., None] - 0.5) * swing)


# Textures return (h, w) float32 fields, 0..1.
def _gradient(rng: Generator, width: int, height: int) -> np.ndarray:
    along, _ = _turned_grid(rng, width, height)
    low, high = along.min(), along.max()
    return (along - low) / (high - low)


def _stripes(rng: Generator, width: int, height: int) -> np.ndarray:
    along, _ = _turned_grid(rng, width, height)
    return _sharpen(np.sin(along * (2 * math.pi / rng.uniform(6, 40))), rng.uniform(0.5, 4))


def _checks(rng: Generator, width: int, height: int) -> np.ndarray:
    along, across = _turned_grid(rng, width, height)
    step = 2 * math.pi / rng.uniform(8, 50)
    return _sharpen(np.sin(along * step) * np.sin(across * step), rng.uniform(0.5, 6))


def _clouds(rng: Generator, width: int, height: int) -> np.ndarray:
    cells = 2 ** rng.permutation(np.arange(1, 7))[:3]
    return sum(_noise(rng, width, height, int(cell)) for cell in cells) / np.float32(3)


def _blobs(rng: Generator, width: int, height: int) -> np.ndarray:
    return _sharpen(_noise(rng, width, height, int(rng.integers(10, 50))) * 2 - 1, 6)


TEXTURES = (_gradient, _stripes, _checks, _clouds, _blobs)


def _turned_grid(rng: Generator, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns each pixel's coordinates (h, w) along and across a random direction."""
    angle = rng.uniform(0, 2 * math.pi)
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    x = np.arange(width, dtype=np.float32)[None, :]
    y = np.arange(height, dtype=np.float32)[:, None]
    return x * cos + y * sin, y * cos - x * sin


def _noise(rng: Generator, width: int, height: int, cell: int) -> np.ndarray:
    """Returns smooth random values, (h, w) 0..1, that vary over `cell` pixels."""
    coarse = rng.random((height // cell + 2, width // cell + 2), np.float32)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)


def _sharpen(wave: np.ndarray, gain: float) -> np.ndarray:
    """Maps -1..1 to 0..1, the harder at the zero crossing the larger the gain."""
    return np.clip(0.5 + 0.5 * gain * wave, 0, 1)


def _contrasting_colour(rng: Generator, ground: np.ndarray) -> np.ndarray:
    """Returns a random colour (3,) that stands out from nearly all of `ground` (h, w, 3)."""
    pixels = ground.reshape(-1, 3)[:: max(1, ground.shape[0] * ground.shape[1] // 100)]
    colours = rng.uniform(0, 255, (12, 3))
    distances = np.linalg.norm(colours[:, None] - pixels[None], axis=2)
    contrast = np.quantile(distances, 0.1, axis=1)
    good = np.flatnonzero(contrast > 80)
    return colours[good[0] if len(good) else contrast.argmax()]
