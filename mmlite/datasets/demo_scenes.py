"""The scenes of the demo set: shapes of random colour and texture on textured ground.

Lengths are in pixels, sizes (w, h), images (h, w, 3) BGR, masks (h, w) with the share of each
pixel that is covered, 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from mmlite.datasets.demo_shapes import MAX_TURN, Shape, render

MIN_SIDE = 96  # in smaller images 1/8 of the side is too little to tell shapes apart
SMALL_CHANCE = 0.25  # of an object: its longer side is below 1/8 of the image's shorter side
COVER_CHANCE = 0.63  # of an object to be laid over an earlier one; some find none that fits
HEAVY_CHANCE = 0.3  # of those to hide more than half, which makes the one below difficult
EDGE_CHANCE = 0.1  # of an object to stick out of the image
OUTLINE_CHANCE = 0.4
MAX_STRETCH = 1.15


@dataclass
class DrawnObject:
    """An object of a scene.

    Attributes:
        label: what `Scene.add` was given.
        box: (x1, y1, x2, y2), first and last column and row of its mask inside the image,
            counted from 0; objects on top of it take nothing away.
        area: pixels of that mask.
        hidden: share of them that lies under objects added later.
        truncated: whether a part lies outside the image.
    """

    label: int
    box: tuple[int, int, int, int]
    area: int
    hidden: float
    truncated: bool


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
            self.draw(label, mask, *spot)

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

        With `outside`, the frame crosses one border of the image by up to that many pixels.
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

    def draw(self, label: int, mask: np.ndarray, x: int, y: int) -> None:
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
            line = _contrasting_colour(self.rng, ground)
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
    swing = np.float32(rng.uniform(-contrast, contrast, 3))
    return np.float32(colour) + (field[..., None] - 0.5) * swing


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
    """Returns a random colour (3,) that contrasts with nearly all of `ground` (h, w, 3)."""
    pixels = ground.reshape(-1, 3)[:: max(1, ground.shape[0] * ground.shape[1] // 100)]
    colours = np.float32(rng.uniform(0, 255, (12, 3)))
    distances = np.linalg.norm(colours[:, None] - pixels[None], axis=2)
    contrast = np.quantile(distances, 0.1, axis=1)
    good = np.flatnonzero(contrast > 80)
    return colours[good[0] if len(good) else contrast.argmax()]
