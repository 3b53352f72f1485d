"""Arguments that several transforms share, checked when the pipeline is built."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmlite.errors import ConfigError, did_you_mean

_PAD_KEYS = ('img', 'masks', 'seg')  # the last two are of pictures that are not loaded here


def check_probability(at: str, value: float) -> None:
    """Raises ConfigError unless a number lies within 0 to 1; `at` is the argument."""
    if not 0 <= value <= 1:
        raise ConfigError(f'{at}: 0 to 1 is expected, found {value!r}')


def fill_value(at: str, value: Any) -> tuple[float, float, float]:
    """Returns the BGR colour of the area that no picture covers.

    Args:
        at: the argument, for messages, such as 'Pad.pad_val'.
        value: a number, three in BGR order, or mmdet's dict(img=either, masks=..., seg=...). As
            there, `img` is 0 where it is left out; masks and maps are never loaded here, so the
            other two change nothing.

    Raises:
        ConfigError: it has another form.
    """
    if isinstance(value, Mapping):
        for key in value:
            if key not in _PAD_KEYS:
                raise ConfigError(
                    f"{at}: there is no key '{key}'.{did_you_mean(str(key), _PAD_KEYS)} Known: "
                    f'{", ".join(_PAD_KEYS)}.'
                )
        value = value.get('img', 0)
    numbers = tuple(value) if _is_sequence(value) else (value,) * 3
    if len(numbers) != 3 or not all(_is_number(n) and math.isfinite(n) for n in numbers):
        raise ConfigError(
            f'{at}: a number, three of them in BGR order, or dict(img=either) is expected, found '
            f'{value!r}'
        )
    return numbers


def pixel_size(at: str, value: Any, instead: str = '') -> tuple[float, float]:
    """Returns (w, h) in pixels of a number or a pair.

    Args:
        at: the argument, for messages.
        value: of the config.
        instead: what to write where shares of the picture are meant.

    Raises:
        ConfigError: it is no pair of pixels; numbers below 1, or 1.0, are shares.
    """
    pair = tuple(value) if _is_sequence(value) else (value, value)
    if len(pair) != 2 or not all(_is_number(n) and 0 < n < math.inf for n in pair):
        raise ConfigError(f'{at}: (w, h), two numbers above 0, is expected, found {value!r}')
    if min(pair) < 1 or all(isinstance(n, float) and n == 1 for n in pair):
        raise ConfigError(
            f'{at}: (w, h) in pixels is expected, found {value!r}, shares of the picture?'
            f'{f" Those are written {instead}" if instead else ""}'
        )
    return pair


def whole_pixels(at: str, value: Any) -> int:
    """Returns a whole number of pixels from 1 up, such as a divisor; raises ConfigError else."""
    if not _is_number(value) or value < 1 or value != int(value):
        raise ConfigError(f'{at}: a whole number from 1 up is expected, found {value!r}')
    return int(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
