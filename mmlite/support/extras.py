"""Packages that only some users need, imported where they are used."""

from __future__ import annotations

import importlib
from types import ModuleType

from mmlite.errors import ConfigError


def needed(name: str, user: str, install: str) -> ModuleType:
    """Imports a package that is not installed with mmlite.

    Args:
        name: of the module.
        user: what needs it, as the message begins: 'Albu needs the package ...'.
        install: what pip installs: "'mmlite[albu]'".

    Raises:
        ConfigError: it is missing; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f'{user} needs the package {name} ({error}): pip install {install}'
        ) from error
