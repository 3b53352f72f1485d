"""collate: the samples of a batch become one dict; images are padded and stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate, get_worker_info

from mmlite.errors import DataError
from mmlite.parallel.data_container import DataContainer, unwrapped
from mmlite.parallel.to_tensor import to_tensor

_NUMBERS = (int, float, np.number, np.bool_)


def collate(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Makes one batch of N samples; the dtypes stay (uint8 images stay uint8).

    A key of DataContainers becomes one DataContainer of the whole batch: a tensor (N, ...) padded
    to the largest sample where `stack` is set, else a list of N. Of other values, numbers become
    a tensor (N,), tensors and arrays of one shape a tensor (N, ...), all else a list of N. So each
    value of the batch has N rows or N items.

    Args:
        batch: N >= 1 dicts with the same keys.

    Raises:
        DataError: no samples, a sample that is no dict, keys or settings of DataContainers that
            differ, tensors that padding cannot bring to one shape. Names the key and the sample.
        TypeError: data to be stacked that are no tensor.
    """
    _check_keys(batch)
    return {key: _collate_key(key, batch) for key in batch[0]}


def stack_padded(tensors: Sequence[Tensor], padding_value: float = 0) -> Tensor:
    """Stacks N tensors (d1, d2, ...) into (N, max d1, max d2, ...), each in the low corner.

    Each element of the result is written once; in a worker process of a DataLoader it lies in
    shared memory already, so that handing it over costs no copy.

    Args:
        tensors: N >= 1 tensors of one dtype and number of dims, any sizes.
        padding_value: fills the rest.
    """
    shapes = {tensor.shape for tensor in tensors}
    if len(shapes) == 1:
        return default_collate(list(tensors))
    largest = [max(sizes) for sizes in zip(*shapes, strict=True)]
    batch = _empty(torch.Size([len(tensors), *largest]), tensors[0])
    for canvas, tensor in zip(batch, tensors, strict=True):
        for dim, (size, space) in enumerate(zip(tensor.shape, largest, strict=True)):
            if size < space:
                canvas.narrow(dim, size, space - size).fill_(padding_value)
                canvas = canvas.narrow(dim, 0, size)
        canvas.copy_(tensor)
    return batch


def _empty(shape: torch.Size, like: Tensor) -> Tensor:
    if get_worker_info() is None or like.device.type != 'cpu':
        return like.new_empty(shape)
    # Tensor.share_memory_() would copy; this is how default_collate allocates in a worker
    storage = torch.UntypedStorage._new_shared(shape.numel() * like.dtype.itemsize)
    return like.new_empty(0).set_(storage, 0, shape)


def _collate_key(key: str, batch: Sequence[Mapping[str, Any]]) -> Any:
    values = [sample[key] for sample in batch]
    if not any(isinstance(value, DataContainer) for value in values):
        return _collate_plain(key, values)
    first = _common_container(key, values)
    data = [container.data for container in values]
    if first.cpu_only or not first.stack:
        return first.replace(data)
    _check_stackable(key, data, first.pad_dims or 0, batch)
    return first.replace(stack_padded(data, first.padding_value))


def _collate_plain(key: str, values: list) -> Tensor | list:
    """Stacks numbers, and tensors and arrays of one shape and dtype; all else stays a list."""
    if all(isinstance(value, _NUMBERS) for value in values):
        return default_collate(values)
    if any(isinstance(value, np.ndarray) and value.dtype.kind not in 'biuf' for value in values):
        return values
    values = [to_tensor(value, key) if isinstance(value, np.ndarray) else value for value in values]
    if not all(isinstance(value, Tensor) for value in values):
        return values
    if len({(value.shape, value.dtype) for value in values}) > 1:
        return values
    return default_collate(values)


def _common_container(key: str, values: list) -> DataContainer:
    """Returns the first of `values`; raises DataError unless all are to be treated like it."""
    settings = {
        (value.stack, value.padding_value, value.cpu_only, value.pad_dims)
        if isinstance(value, DataContainer)
        else type(value).__name__
        for value in values
    }
    if len(settings) > 1:
        found = ' and '.join(sorted({repr(value) for value in values})[:4])
        raise DataError(
            f"collate: key '{key}': DataContainers with the same settings are expected in all "
            f'samples of a batch, found {found}'
        )
    return values[0]


def _check_keys(batch: Sequence[Mapping[str, Any]]) -> None:
    if not batch:
        raise DataError('collate: the batch is empty; at least one sample is needed')
    for i, sample in enumerate(batch):
        if not isinstance(sample, Mapping):
            raise DataError(
                f'collate: sample {i} of the batch is a {type(sample).__name__}, a dict is '
                'expected; did a transform of the pipeline return nothing?'
            )
        if sample.keys() != batch[0].keys():
            raise DataError(
                f'collate: all samples of a batch need the same keys; {_name(batch, 0)} has '
                f'{sorted(map(str, batch[0]))}, {_name(batch, i)} has {sorted(map(str, sample))}'
            )


def _check_stackable(
    key: str, data: list, pad_dims: int, batch: Sequence[Mapping[str, Any]]
) -> None:
    for i, value in enumerate(data):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"collate: key '{key}': stack=True needs tensors, {_name(batch, i)} has a "
                f'{type(value).__name__}'
            )
        if _fixed(value, pad_dims) != _fixed(data[0], pad_dims):
            raise DataError(
                f"collate: key '{key}': {_name(batch, 0)} has {_form(data[0])}, "
                f'{_name(batch, i)} has {_form(value)}; only the last {pad_dims} dims are padded, '
                'the rest and the dtype must be equal'
            )


def _fixed(tensor: Tensor, pad_dims: int) -> tuple:
    """Returns what must be equal in a batch: dtype, number of dims, sizes that are not padded."""
    return tensor.dtype, tensor.dim(), tensor.shape[: max(tensor.dim() - pad_dims, 0)]


def _form(tensor: Tensor) -> str:
    return f'shape {tuple(tensor.shape)} {tensor.dtype}'


def _name(batch: Sequence[Mapping[str, Any]], i: int) -> str:
    """Returns 'sample 3', and its file if the metas know it, for an error message."""
    metas = unwrapped(batch[i].get('img_metas'))
    file = metas.get('filename') if isinstance(metas, Mapping) else None
    return f"sample {i} ('{file}')" if file else f'sample {i}'
