"""The single steps of AutoAugment and RandAugment (Cubuk et al. 2018, 2019; Zoph et al. 2019).

Each is done with a probability, and as strongly as `level` says, 0 to 10, between its `min_mag` and
its `max_mag`; without a level that is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import cv2
import numpy as np

from mmlite.datasets.transforms import color_ops
from mmlite.datasets.transforms.affine import warp_boxes
from mmlite.datasets.transforms.arguments import check_probability, fill_value
from mmlite.datasets.transforms.geometry import INTERPOLATIONS
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

_MAX_LEVEL = 10


class PolicyStep:
    """What all have: how likely they are, and how strong.

    Args:
        prob: how likely it is done.
        level: 0 to 10, from `min_mag` to `max_mag`; None draws a strength between the two.
        min_mag, max_mag: the least and the greatest strength; what it means is said at each class.
            Left out: `defaults` of the class.

    Raises:
        ConfigError: an argument out of its range.
    """

    limits: ClassVar[tuple[float, float]] = (0.0, 2.0)  # of min_mag and max_mag
    defaults: ClassVar[tuple[float, float]] = (0.1, 1.9)

    def __init__(
        self,
        prob: float = 1.0,
        level: int | None = None,
        min_mag: float | None = None,
        max_mag: float | None = None,
    ) -> None:
        name = type(self).__name__
        min_mag = self.defaults[0] if min_mag is None else min_mag
        max_mag = self.defaults[1] if max_mag is None else max_mag
        check_probability(f'{name}.prob', prob)
        if level is not None and not 0 <= level <= _MAX_LEVEL:
            raise ConfigError(f'{name}.level: 0 to {_MAX_LEVEL} is expected, found {level!r}')
        least, greatest = self.limits
        if not least <= min_mag <= max_mag <= greatest:
            raise ConfigError(
                f'{name}: min_mag and max_mag within {least:g} to {greatest:g} are expected, found '
                f'{min_mag!r} and {max_mag!r}'
            )
        self.prob = prob
        self.level = level
        self.min_mag = min_mag
        self.max_mag = max_mag

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if np.random.rand() > self.prob:
            return results
        return self.apply(results, self.draw())

    def draw(self) -> float:
        """Returns a strength, rounded to a tenth as in mmdet."""
        share = np.random.rand() if self.level is None else self.level / _MAX_LEVEL
        return round(share * (self.max_mag - self.min_mag) + self.min_mag, 1)

    def apply(self, results: dict[str, Any], strength: float) -> dict[str, Any]:
        """Returns `results` after the step."""
        raise NotImplementedError


class ColorStep(PolicyStep):
    """A step that changes colours only.

    Args (as of PolicyStep).
    """

    function: ClassVar[Callable[[np.ndarray, float], np.ndarray]]

    def apply(self, results: dict[str, Any], strength: float) -> dict[str, Any]:
        results['img'] = type(self).function(results['img'], strength)
        return results


@TRANSFORMS.register_module()
class Color(ColorStep):
    """More or less colourful: 0 is grey, 1 changes nothing."""

    function = staticmethod(color_ops.colorfulness)


@TRANSFORMS.register_module()
class Brightness(ColorStep):
    """Brighter or darker: 0 is black, 1 changes nothing."""

    function = staticmethod(color_ops.brightness)


@TRANSFORMS.register_module()
class Contrast(ColorStep):
    """More or less contrast: 0 is the mean grey, 1 changes nothing."""

    function = staticmethod(color_ops.contrast)


@TRANSFORMS.register_module()
class Sharpness(ColorStep):
    """Sharper or softer: 0 is smoothed, 1 changes nothing."""

    function = staticmethod(color_ops.sharpness)


@TRANSFORMS.register_module()
class Equalize(ColorStep):
    """Gives each channel an even histogram; the strength changes nothing."""

    function = staticmethod(color_ops.equalized)


@TRANSFORMS.register_module()
class AutoContrast(ColorStep):
    """Stretches each channel to 0-255; the strength changes nothing."""

    function = staticmethod(color_ops.stretched)


@TRANSFORMS.register_module()
class Invert(ColorStep):
    """The negative; the strength changes nothing."""

    function = staticmethod(color_ops.inverted)


@TRANSFORMS.register_module()
class Solarize(ColorStep):
    """Inverts values from a threshold on, of 255."""

    limits = (0.0, 256.0)
    defaults = (0.0, 256.0)
    function = staticmethod(color_ops.solarized)


@TRANSFORMS.register_module()
class SolarizeAdd(ColorStep):
    """Adds a number, of 255, to values below 128."""

    limits = (0.0, 110.0)
    defaults = (0.0, 110.0)
    function = staticmethod(color_ops.dark_raised)


@TRANSFORMS.register_module()
class Posterize(ColorStep):
    """Keeps this number of bits of each value, rounded up."""

    limits = (0.0, 8.0)
    defaults = (0.0, 4.0)
    function = staticmethod(color_ops.posterized)


# ---- steps that move the picture, and the boxes with it -----------------------------------------


class MovingStep(PolicyStep):
    """A step that moves pixels; a box becomes the smallest upright one around its moved corners.

    A box of which the picture shows nothing is dropped; mmdet keeps it, with no area.

    Args (as of PolicyStep, and):
        reversal_prob: how likely the other direction is.
        img_border_value: BGR of what is bared, or one number.
        interpolation: as of Resize.
    """

    def __init__(
        self,
        prob: float = 1.0,
        level: int | None = None,
        min_mag: float | None = None,
        max_mag: float | None = None,
        reversal_prob: float = 0.5,
        img_border_value: float | Sequence[float] = 128,
        interpolation: str = 'bilinear',
    ) -> None:
        super().__init__(prob, level, min_mag, max_mag)
        name = type(self).__name__
        check_probability(f'{name}.reversal_prob', reversal_prob)
        if interpolation not in INTERPOLATIONS:
            raise ConfigError(
                f'{name}.interpolation: one of {", ".join(INTERPOLATIONS)} is expected, found '
                f'{interpolation!r}'
            )
        self.reversal_prob = reversal_prob
        self.border_value = fill_value(f'{name}.img_border_value', img_border_value)
        self.interpolation = INTERPOLATIONS[interpolation]

    def draw(self) -> float:
        strength = super().draw()
        return -strength if np.random.rand() > self.reversal_prob else strength

    def apply(self, results: dict[str, Any], strength: float) -> dict[str, Any]:
        img = results['img']
        size = img.shape[1::-1]
        matrix = self.matrix(strength, size)
        results['img'] = cv2.warpAffine(
            img, matrix[:2], size, flags=self.interpolation, borderValue=self.border_value
        )
        warp_boxes(results, matrix, size, clip=True)
        return results

    def matrix(self, strength: float, size: tuple[int, int]) -> np.ndarray:
        """Returns (3, 3) float32, from pixels of a picture of `size` (w, h) to where they go."""
        raise NotImplementedError


@TRANSFORMS.register_module()
class ShearX(MovingStep):
    """Shears along x, by degrees."""

    limits = (0.0, 90.0)
    defaults = (0.0, 30.0)

    def matrix(self, strength: float, size: tuple[int, int]) -> np.ndarray:
        return np.float32([[1, math.tan(math.radians(strength)), 0], [0, 1, 0], [0, 0, 1]])


@TRANSFORMS.register_module()
class ShearY(MovingStep):
    """Shears along y, by degrees."""

    limits = (0.0, 90.0)
    defaults = (0.0, 30.0)

    def matrix(self, strength: float, size: tuple[int, int]) -> np.ndarray:
        return np.float32([[1, 0, 0], [math.tan(math.radians(strength)), 1, 0], [0, 0, 1]])


@TRANSFORMS.register_module()
class Rotate(MovingStep):
    """Turns around the middle, by degrees, clockwise."""

    limits = (0.0, 180.0)
    defaults = (0.0, 30.0)

    def matrix(self, strength: float, size: tuple[int, int]) -> np.ndarray:
        center = tuple((side - 1) * 0.5 for side in size)
        return np.float32([*cv2.getRotationMatrix2D(center, -strength, 1.0), [0, 0, 1]])


@TRANSFORMS.register_module()
class TranslateX(MovingStep):
    """Moves along x, by a share of the width, in whole pixels."""

    limits = (0.0, 1.0)
    defaults = (0.0, 0.1)

    def matrix(self, strength: float, size: tuple[int, int]) -> np.ndarray:
        return np.float32([[1, 0, int(size[0] * strength)], [0, 1, 0], [0, 0, 1]])


@TRANSFORMS.register_module()
class TranslateY(MovingStep):
    """Moves along y, by a share of the height, in whole pixels."""

    limits = (0.0, 1.0)
    defaults = (0.0, 0.1)

    def matrix(self, strength: float, size: tuple[int, int]) -> np.ndarray:
        return np.float32([[1, 0, 0], [0, 1, int(size[1] * strength)], [0, 0, 1]])
