"""Multi-scale training: a scale is drawn, then Resize does the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import pixel_size
from mmlite.datasets.transforms.resize_flip_pad import Resize
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS
from mmlite.support.signatures import with_arguments_of


class DrawnResize:
    """What both share: a subclass writes `draw() -> (w, h)`; the rest goes to Resize.

    Args:
        keep_ratio, clip_object_border, backend, interpolation: as Resize.
        resize_type: 'Resize'; mmdet's configs carry it.
    """

    def __init__(
        self,
        keep_ratio: bool = False,
        clip_object_border: bool = True,
        backend: str = 'cv2',
        interpolation: str = 'bilinear',
        resize_type: str = 'Resize',
    ) -> None:
        if resize_type != 'Resize':
            raise ConfigError(
                f"{type(self).__name__}.resize_type: only 'Resize' is supported, "
                f'found {resize_type!r}'
            )
        self.resize_args = dict(
            keep_ratio=keep_ratio,
            clip_object_border=clip_object_border,
            backend=backend,
            interpolation=interpolation,
        )

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        return Resize(scale=self.draw(), **self.resize_args)(results)

    def draw(self) -> tuple[int, int]:
        """Returns a (w, h)."""
        raise NotImplementedError


@TRANSFORMS.register_module()
class RandomChoiceResize(DrawnResize):
    """Resizes to one of several scales, each as likely as the others.

    Args (others as of DrawnResize):
        scales: (w, h) pairs.

    Raises:
        ConfigError: there is no scale, or one is no pair.
    """

    takes_window = True

    @with_arguments_of(DrawnResize)
    def __init__(self, scales: Sequence[tuple[int, int]], **others: Any) -> None:
        super().__init__(**others)
        self.scales = _pairs(scales, 'RandomChoiceResize.scales')

    def draw(self) -> tuple[int, int]:
        return self.scales[np.random.randint(len(self.scales))]


@TRANSFORMS.register_module()
class RandomResize(DrawnResize):
    """Resizes to a scale between two, or to one times a random factor.

    Args (others as of DrawnResize):
        scale: two (w, h): the longer edges of the two limit a drawn one, and so the shorter ones.
            With `ratio_range` one (w, h), or a number for both.
        ratio_range: (least, greatest) factor on `scale`; large scale jitter has (0.1, 2.0).

    Raises:
        ConfigError: `scale` and `ratio_range` do not fit together.
    """

    takes_window = True

    @with_arguments_of(DrawnResize)
    def __init__(
        self,
        scale: int | tuple[int, int] | Sequence[tuple[int, int]],
        ratio_range: tuple[float, float] | None = None,
        **others: Any,
    ) -> None:
        super().__init__(**others)
        scale = (scale, scale) if isinstance(scale, (int, float)) else scale
        one = not isinstance(scale[0], (list, tuple))
        self.scales = _pairs([scale] if one else scale, 'RandomResize.scale')
        self.ratio_range = ratio_range
        if len(self.scales) != (2 if ratio_range is None else 1):
            raise ConfigError(
                'RandomResize: two scales (w, h), or one with ratio_range, are expected; found '
                f'scale={scale!r}, ratio_range={ratio_range!r}'
            )
        if ratio_range is not None and not 0 < ratio_range[0] <= ratio_range[1]:
            raise ConfigError(
                f'RandomResize.ratio_range: (least, greatest) is expected, found {ratio_range!r}'
            )

    def draw(self) -> tuple[int, int]:
        if self.ratio_range is not None:
            factor = np.random.uniform(*self.ratio_range)
            return tuple(max(1, int(side * factor)) for side in self.scales[0])
        first, second = self.scales
        return tuple(
            np.random.randint(min(sides), max(sides) + 1)
            for sides in zip(first, second, strict=True)
        )


def _pairs(scales: Sequence, name: str) -> list[tuple[int, int]]:
    wrong = [scale for scale in scales if not isinstance(scale, (list, tuple)) or len(scale) != 2]
    if wrong or not scales:
        raise ConfigError(f'{name}: (w, h) pairs are expected, found {scales!r}')
    instead = 'Resize(scale_factor=...), or RandomResize(ratio_range=...)'
    return [tuple(map(int, pixel_size(name, scale, instead))) for scale in scales]
