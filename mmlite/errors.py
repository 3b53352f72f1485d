"""Errors that end a command with one readable message and no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ExpectedError(Exception):
    """The command lines print the message and exit with `status`.

    Attributes:
        next_step: what can be typed now, as a line below the message; '' for none.
    """

    status = 1
    next_step = ''


class RunError(ExpectedError, RuntimeError):
    """A run that ended before its time, through no mistake in what the user wrote."""


class UserError(ExpectedError):
    """A mistake of the user's."""

    status = 2


class ConfigError(UserError):
    """A config that cannot be used; the message starts with the file or the config path."""


class DataError(UserError):
    """Data that are missing or cannot be used; the message names the file or folder."""


class UnknownTypeError(ConfigError, KeyError):
    """A `type` that is in no registry. Also a KeyError, as mmengine raises one."""

    __str__ = Exception.__str__  # KeyError would print the repr of the message


class ArgumentError(ConfigError, TypeError):
    """An argument that a class does not take, or one that it needs and did not get."""


# how a message goes on where a config asks for masks
BOXES_ONLY = (
    'Instead: a config with boxes only, such as faster-rcnn for mask-rcnn; masks are not supported '
    'yet.'
)


def nearest(name: str, choices: Iterable[str], limit: int = 3) -> list[str]:
    """Returns up to `limit` of `choices` spelt most like `name`, the nearest first."""
    by_lower: dict[str, str] = {}
    for choice in choices:
        by_lower.setdefault(choice.lower(), choice)
    found = difflib.get_close_matches(name.lower(), by_lower, n=limit, cutoff=0.6)
    return [by_lower[key] for key in found]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Returns ` Did you mean 'a' or 'b'?`, or an empty string if nothing is near."""
    near = nearest(name, choices)
    return f' Did you mean {" or ".join(map(repr, near))}?' if near else ''
