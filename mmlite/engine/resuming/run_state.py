"""What of a run a checkpoint holds, as plain data, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.logging import HistoryBuffer
from mmengine.optim import OptimWrapper
from torch import nn

from mmlite.checkpoints.file import plain
from mmlite.engine.process.random_state import random_state


def process_state(detector: nn.Module, optim_wrapper: OptimWrapper) -> dict[str, Any]:
    """Returns what differs from process to process.

    `random` is the state of its generators; `gradients` are those by name that the optimiser has
    not used yet, while it accumulates them. `buffers` are those that a part of the detector names
    in `RESUMED_BUFFERS`: what it counts in a training, but mmdet's files do not have.
    """
    gradients = {}
    if not optim_wrapper.should_update():
        named = detector.named_parameters()
        gradients = {name: plain(p.grad) for name, p in named if p.grad is not None}
    buffers = {name: plain(buffer) for name, buffer in _resumed_buffers(detector).items()}
    return dict(random=random_state(), gradients=gradients, buffers=buffers)


def _resumed_buffers(detector: nn.Module) -> dict[str, torch.Tensor]:
    return {
        f'{name}.{key}': getattr(module, key)
        for name, module in detector.named_modules()
        for key in getattr(module, 'RESUMED_BUFFERS', ())
    }


def put_buffers_back(detector: nn.Module, saved: Mapping[str, torch.Tensor]) -> None:
    """The inverse of `process_state`, for buffers; one that is not saved stays as it is."""
    for name, buffer in _resumed_buffers(detector).items():
        if name in saved and saved[name].shape == buffer.shape:
            buffer.copy_(saved[name])


def put_gradients_back(detector: nn.Module, gradients: Mapping[str, torch.Tensor]) -> None:
    """The inverse of `process_state`, for gradients."""
    parameters = dict(detector.named_parameters())
    for name, gradient in gradients.items():
        parameters[name].grad = gradient.to(parameters[name])


def plain_message_hub(state: Mapping) -> dict[str, Any]:
    """Returns mmengine's history of all logged values as plain data.

    A HistoryBuffer is a class, which `weights_only` refuses: its numbers are kept instead.
    """
    scalars = {
        key: dict(
            zip(('log_history', 'count_history'), map(torch.as_tensor, buffer.data), strict=True),
            max_length=buffer.max_length,
        )
        for key, buffer in state['log_scalars'].items()
    }
    return dict(state, log_scalars=scalars, runtime_info=plain(dict(state['runtime_info'])))


def message_hub_state(saved: Mapping) -> dict[str, Any]:
    """The inverse of `plain_message_hub`."""
    scalars = {
        key: item
        if isinstance(item, HistoryBuffer)  # of mmengine's own Runner, in a trusted file
        else HistoryBuffer(
            item['log_history'].numpy(), item['count_history'].numpy(), item['max_length']
        )
        for key, item in saved['log_scalars'].items()
    }
    return dict(saved, log_scalars=scalars)
