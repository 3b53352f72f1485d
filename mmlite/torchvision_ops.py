"""torchvision's compiled operations are missing where it is of another release than torch."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import torch

from mmlite.errors import ConfigError, ExpectedError

_THEIRS = re.compile(r"torchvision::|'torchvision|torchvision\.|custom C\+\+ ops|torchvision/")


@contextlib.contextmanager
def explaining_torchvision() -> Iterator[None]:
    """Turns the errors of a torchvision that does not fit torch into one that says what would.

    Raises:
        ConfigError: in the place of such an error.
    """
    try:
        yield
    except (ImportError, RuntimeError) as error:  # NotImplementedError too: no operation for GPUs
        if isinstance(error, ExpectedError) or not _THEIRS.search(str(error)):
            raise
        reason = str(error).strip().splitlines()[0][:200]
        raise ConfigError(
            f'torchvision does not fit torch {torch.__version__}: {reason}. Both must be of one '
            f'release, and both for CPUs or for the same CUDA: {install_command(torch.__version__)}'
        ) from error


def install_command(version: str) -> str:
    """Returns the command that installs the torchvision of a torch; 0.15 came with 2.0."""
    number, _, build = version.partition('+')
    major, minor = (int(part) for part in number.split('.')[:2])
    index = f' --index-url https://download.pytorch.org/whl/{build}' if build else ''
    own = f'torchvision==0.{minor + 15}.*' if major == 2 else 'torchvision'
    return f"pip install --force-reinstall 'torch=={major}.{minor}.*' '{own}'{index}"
