"""torchvision's compiled operations are missing where it is of another release than torch."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import torch

from mmlite.errors import ConfigError, ExpectedError

_THEIRS = re.compile(r"torchvision::|'torchvision|torchvision\.|custom C\+\+ ops|torchvision/")

# torch: the torchvision that names it among what it requires; torch 2.15 came without a new 0.30
_RELEASES = {
    '2.0': '0.15.*',
    '2.1': '0.16.*',
    '2.2': '0.17.*',
    '2.3': '0.18.*',
    '2.4': '0.19.*',
    '2.5': '0.20.*',
    '2.6': '0.21.*',
    '2.7': '0.22.*',
    '2.8': '0.23.*',
    '2.9': '0.24.*',
    '2.10': '0.25.*',
    '2.11': '0.26.*',
    '2.12': '0.27.*',
    '2.13': '0.28.*',
    '2.14': '0.29.1',
    '2.15': '0.29.2',
}


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
    """Returns the command that installs the torchvision of a torch, or pip's own choice of both.

    Which belongs to which is asked of `_RELEASES`, and never counted on from there.
    """
    number, _, build = version.partition('+')
    torch_release = '.'.join(number.split('.')[:2])
    own = _RELEASES.get(torch_release)
    if own is None:
        wanted = '--upgrade torch torchvision'
    else:
        wanted = f"--force-reinstall 'torch=={torch_release}.*' 'torchvision=={own}'"
    index = f' --index-url https://download.pytorch.org/whl/{build}' if build else ''
    return f'pip install {wanted}{index}'
