"""The device that a user names: it is there, or the message says which are."""

from __future__ import annotations

import torch

from mmlite.errors import ConfigError, did_you_mean

_KINDS = ('cpu', 'cuda', 'mps', 'xpu')


def find_device(name: str | torch.device, asked_by: str = '--device') -> torch.device:
    """Returns the device of a name, such as 'cpu', 'cuda' or 'cuda:1'.

    Args:
        name: of the device.
        asked_by: the flag or argument that the message begins with.

    Raises:
        ConfigError: there is no such device here.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = None
    if device is None or device.type not in _KINDS:
        kind = str(name).partition(':')[0]
        raise ConfigError(
            f'{asked_by} {name}: there is no such device.{_nearest(kind)} {_expected()}'
        )
    if device.type == 'cuda':
        _check_cuda(device, asked_by)
    elif device.type != 'cpu':
        _check_other(device, asked_by)
    return device


def _nearest(kind: str) -> str:
    return " Did you mean 'cuda'?" if kind in ('gpu', 'nvidia') else did_you_mean(kind, _KINDS[:2])


def _check_cuda(device: torch.device, asked_by: str) -> None:
    if not torch.cuda.is_available():
        raise ConfigError(
            f'{asked_by} {device}: PyTorch finds no GPU here{_why_no_gpu()}. cpu works'
        )
    count = torch.cuda.device_count()
    if device.index is not None and device.index >= count:
        raise ConfigError(f'{asked_by} {device}: there is no such GPU. {_expected()}')


def _why_no_gpu() -> str:
    built_for = torch.version.cuda or torch.version.hip
    if built_for is None:
        return f', as torch {torch.__version__} is a build for CPUs'
    return f' (torch {torch.__version__} is for CUDA {built_for}; `nvidia-smi` shows the GPUs)'


def _check_other(device: torch.device, asked_by: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f'{asked_by} {device}: {reason:.200}. {_expected()}') from error


def _expected() -> str:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = {0: '', 1: ' or cuda:0'}.get(count, f' or cuda:0 to cuda:{count - 1}')
    none = '' if count else '; PyTorch finds no GPU here'
    return f'cpu{gpus} is expected{none}'
