"""scatter: a batch goes to its device, or in parts to several, and gets the model's dtypes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmlite.errors import DataError
from mmlite.parallel.data_container import DataContainer, unwrapped

Device = str | int | torch.device


def scatter(batch: Any, device: Device | Sequence[Device]) -> Any:
    """Returns `batch` without any DataContainer, its tensors on the device.

    Images (uint8) and other floats become float32 and signed integers int64; bool stays. What is
    `cpu_only` comes out as it went in, as does all that is no tensor.

    Args:
        batch: what `collate` returns; for one device any nesting of dicts, lists and tuples.
        device: 'cuda:1', a torch.device, or the number of a GPU, -1 for the CPU. Or a list of
            them: then a list of batches comes back, one per device, of N / devices images each
            (`split_batch`); a batch of fewer images than devices gives one batch per image.

    Raises:
        DataError: the values of a batch to be split differ in length.
    """
    if isinstance(device, (list, tuple)):
        parts = split_batch(batch, len(device))
        return [_move(part, as_device(d)) for part, d in zip(parts, device, strict=False)]
    return _move(batch, as_device(device))


def split_batch(batch: Mapping[Any, Any], parts: int) -> list[dict]:
    """Splits a batch of N images into min(N, parts) batches whose sizes differ by one at most.

    Tensors (N, ...), lists of N and DataContainers of these are cut at the same places; any other
    value, such as `return_loss=True`, goes to every part.

    Raises:
        DataError: the values differ in length; names the keys.
    """
    lengths = {key: len(value) for key, value in batch.items() if _is_per_image(value)}
    if len(set(lengths.values())) > 1:
        raise DataError(
            f'scatter: the values of a batch need the same number of images, found {lengths}'
        )
    num_images = next(iter(lengths.values()), 1)
    parts = max(min(parts, num_images), 1)
    bounds = [num_images * i // parts for i in range(parts + 1)]
    return [
        {
            key: _cut(value, slice(*ends)) if key in lengths else value
            for key, value in batch.items()
        }
        for ends in itertools.pairwise(bounds)
    ]


def as_device(device: Device) -> torch.device:
    """Returns the torch.device of a name or a GPU's number; a negative number is the CPU."""
    if isinstance(device, int):
        return torch.device('cuda', device) if device >= 0 else torch.device('cpu')
    return torch.device(device)


def _is_per_image(value: Any) -> bool:
    data = unwrapped(value)
    return isinstance(data, (list, tuple)) or (isinstance(data, Tensor) and data.dim() > 0)


def _cut(value: Any, images: slice) -> Any:
    if isinstance(value, DataContainer):
        return value.replace(value.data[images])
    return value[images]


def _move(value: Any, device: torch.device) -> Any:
    if isinstance(value, DataContainer):
        return value.data if value.cpu_only else _move(value.data, device)
    if isinstance(value, Tensor):
        return _move_tensor(value, device)
    if isinstance(value, Mapping):
        return {key: _move(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, '_fields'):  # a namedtuple
        return type(value)(*(_move(item, device) for item in value))
    if isinstance(value, (list, tuple)):
        return type(value)(_move(item, device) for item in value)
    return value


def _move_tensor(tensor: Tensor, device: torch.device) -> Tensor:
    """Casts on that side of the copy where fewer bytes travel: bytes after, float64 before it."""
    dtype = _model_dtype(tensor)
    if dtype.itemsize < tensor.dtype.itemsize:
        tensor = tensor.to(dtype)
    # a copy to the host that nobody waits for would be read before it is there
    return tensor.to(device, non_blocking=device.type != 'cpu').to(dtype)


def _model_dtype(tensor: Tensor) -> torch.dtype:
    if tensor.is_floating_point() or tensor.dtype == torch.uint8:
        return torch.float32
    if tensor.dtype in (torch.int8, torch.int16, torch.int32, torch.int64):
        return torch.int64
    return tensor.dtype
