"""to_tensor: arrays, numbers and lists of numbers become tensors of the dtype their key asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


def to_tensor(data: Any, key: str | None = None) -> Tensor:
    """Makes a contiguous tensor of `data`; shares its memory where no conversion is needed.

    The key decides the dtype where it can: a key with 'weight' is float32, with 'label' int64,
    with 'box' float32; 'img' and 'image' stay uint8 or become float32. Otherwise integers become
    int64 and floats float32; uint8 and bool stay. A lone number has the shape (1,). Axes stay
    as they are: (h, w, c) does not become (c, h, w) here.

    Args:
        data: a tensor, a numpy array (any strides, byte order, read-only too) or scalar, a number,
            or a nested sequence of numbers of even lengths.
        key: the name of the value in a sample, such as 'gt_labels'.

    Raises:
        TypeError: `data` is something else; the message names the key and the type.
    """
    if isinstance(data, Tensor):
        wanted = dtype_name(str(data.dtype).removeprefix('torch.'), key)
        return data.to(getattr(torch, wanted)).contiguous()
    array = _to_array(data, key)
    # copied at most once, and only if it must be; W: torch warns about read-only memory
    array = np.require(array, dtype_name(array.dtype.name, key), ['C', 'A', 'W', 'E'])
    if any(stride < 0 for stride in array.strides):  # numpy calls reversed axes of 0 or 1 'C' too
        array = array.copy()
    return torch.from_numpy(np.atleast_1d(array))


def dtype_name(found: str, key: str | None) -> str:
    """Returns the name of the dtype that data of the dtype `found` take under `key`."""
    name = (key or '').lower()
    if 'weight' in name:  # before 'label': label_weights are weights
        return 'float32'
    if 'label' in name:  # before 'box': gt_bboxes_labels are labels
        return 'int64'
    if 'box' in name:
        return 'float32'
    if found == 'uint8':
        return 'uint8'
    if name in ('img', 'image'):
        return 'float32'
    if found == 'bool':
        return 'bool'
    return 'int64' if found.startswith(('int', 'uint')) else 'float32'


def _to_array(data: Any, key: str | None) -> np.ndarray:
    """Returns an array of numbers or bools; raises TypeError where `data` is something else."""
    is_sequence = isinstance(data, Sequence) and not isinstance(data, (str, bytes))
    if not is_sequence and not isinstance(data, (np.ndarray, np.generic, int, float)):
        raise _type_error(key, type(data).__name__)
    try:
        array = np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:  # uneven lengths, most of all
        raise _type_error(key, f'a {type(data).__name__} that is no array: {error}') from error
    if array.dtype.kind not in 'biuf':
        raise _type_error(key, f'{type(data).__name__} of dtype {array.dtype}')
    return array


def _type_error(key: str | None, found: str) -> TypeError:
    where = f"key '{key}': " if key is not None else ''
    return TypeError(
        f'to_tensor: {where}expected a tensor, an array, a number or a nested list of numbers, '
        f'found {found}'
    )
