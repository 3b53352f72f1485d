"""Compose: one transform after the other, and errors that say where and on which file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.window import Window, takes_window
from mmlite.errors import ConfigError, UserError
from mmlite.registry import TRANSFORMS

Transform = Callable[[dict[str, Any]], 'dict[str, Any] | None']


class TransformError(RuntimeError):
    """A transform failed on a sample; the message names both. The cause is its own error."""


class Compose:
    """A pipeline.

    Transforms in a row that take windows (`window.py`) hand one along in the place of `img`, so
    that Expand, MinIoURandomCrop, Resize and RandomFlip make only the pixels that come out at the
    end. All others get and leave arrays.

    Args:
        transforms: each a config dict with `type`, built through the registry TRANSFORMS, or
            any callable that takes and returns a `results` dict.

    Raises:
        ConfigError: an entry is neither.
    """

    def __init__(self, transforms: Sequence[dict | Transform]) -> None:
        if isinstance(transforms, (str, dict)) or not isinstance(transforms, Sequence):
            raise ConfigError(f'pipeline: a list of transforms is expected, found {transforms!r}')
        self.transforms = [_build(transform, i) for i, transform in enumerate(transforms)]

    def __call__(self, results: dict[str, Any], stop: int | None = None) -> dict[str, Any] | None:
        """Runs the pipeline on one sample.

        Args:
            results: the sample.
            stop: run only this number of transforms.

        Returns:
            what the last transform returned; None as soon as one returns None (sample dropped).

        Raises:
            UserError: a transform raised it; it names its own offender and passes as it is.
            TransformError: a transform raised anything else, or returned no dict.
        """
        for number in range(len(self.transforms) if stop is None else stop):
            try:
                outcome = self._run(number, results)
            except UserError:
                raise
            except Exception as error:
                reason = f'{type(error).__name__}: {error}'
                raise TransformError(self._message(number, results, reason)) from error
            if outcome is None:
                return None
            if not isinstance(outcome, dict):
                reason = f'it returned {type(outcome).__name__}, not a dict or None'
                raise TransformError(self._message(number, results, reason))
            results = outcome
        return results

    def _run(self, number: int, results: dict[str, Any]) -> Any:
        transform, *after = self.transforms[number : number + 2]
        if not takes_window(transform):
            return transform(results)
        if isinstance(results.get('img'), np.ndarray):
            results['img'] = Window.of(results['img'])
        outcome = getattr(transform, 'open_window', transform)(results)
        if not any(map(takes_window, after)) and isinstance(outcome, dict):
            img = outcome.get('img')
            if isinstance(img, Window):
                outcome['img'] = img.pixels()
        return outcome

    def __repr__(self) -> str:
        return f'Compose({", ".join(map(_name, self.transforms))})'

    def _message(self, number: int, results: dict[str, Any], reason: str) -> str:
        file = results.get('filename') or results.get('img_path') or 'a sample without file name'
        return (
            f'{_name(self.transforms[number])} (step {number + 1} of {len(self.transforms)}) '
            f'failed on {file}: {reason}. The sample held: {", ".join(map(str, results))}.'
        )


def _build(transform: dict | Transform, index: int) -> Transform:
    if isinstance(transform, dict):
        return TRANSFORMS.build(transform)
    if callable(transform):
        return transform
    raise ConfigError(
        f"pipeline[{index}]: a dict with the key 'type' or a callable is expected, "
        f'found {transform!r:.200}'
    )


def _name(transform: Transform) -> str:
    return getattr(transform, '__name__', type(transform).__name__)
