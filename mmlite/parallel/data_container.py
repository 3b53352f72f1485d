"""DataContainer: a value, and how it becomes part of a batch."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor


@dataclasses.dataclass(frozen=True, eq=False, repr=False)  # == on tensors gives no bool
class DataContainer:
    """Wraps the value of one key, first of one sample, after `collate` of the whole batch.

    Interface of mmcv 1.x's class of this name.

    Args:
        data: the value.
        stack: `collate` makes one tensor (N, ...) of the samples' tensors; else a list of N.
        padding_value: fills what a smaller tensor lacks to the largest of the batch.
        cpu_only: stays as it is, on the host, in a list of N; overrides `stack`.
        pad_dims: how many of the last dims may differ in size and are padded at their end
            (right and bottom): 1, 2 or 3; None if all shapes must be equal.

    Raises:
        ValueError: `pad_dims` is something else.
    """

    data: Any
    stack: bool = False
    padding_value: float = 0
    cpu_only: bool = False
    pad_dims: int | None = 2

    def __post_init__(self) -> None:
        if self.pad_dims not in (None, 1, 2, 3):
            raise ValueError(f'DataContainer: pad_dims is None, 1, 2 or 3, found {self.pad_dims!r}')

    @property
    def datatype(self) -> str | type:
        """`torch.FloatTensor` and the like for a tensor, else the class of the data."""
        return self.data.type() if isinstance(self.data, Tensor) else type(self.data)

    def size(self, *dims: int) -> torch.Size | int:
        """Returns the tensor's size; AttributeError if the data is no tensor."""
        return self.data.size(*dims)

    def dim(self) -> int:
        """Returns the tensor's number of dims; AttributeError if the data is no tensor."""
        return self.data.dim()

    def __len__(self) -> int:
        return len(self.data)

    def replace(self, data: Any) -> DataContainer:
        """Returns a container of other data that is treated the same way."""
        return dataclasses.replace(self, data=data)

    def pin_memory(self) -> DataContainer:
        """Returns it with page-locked tensors; a DataLoader with `pin_memory=True` calls this."""
        if isinstance(self.data, Tensor) and not self.cpu_only:
            return self.replace(self.data.pin_memory())
        if isinstance(self.data, list) and not self.cpu_only:
            return self.replace(
                [item.pin_memory() if isinstance(item, Tensor) else item for item in self.data]
            )
        return self

    def __repr__(self) -> str:
        options = [
            f'{field.name}={getattr(self, field.name)!r}'
            for field in dataclasses.fields(self)[1:]
            if getattr(self, field.name) != field.default
        ]
        return f'DataContainer({", ".join([_summary(self.data), *options])})'


def unwrapped(value: Any) -> Any:
    """Returns what a DataContainer holds; any other value as it is, such as a scattered one."""
    return value.data if isinstance(value, DataContainer) else value


def _summary(data: Any) -> str:
    """Returns shape and dtype for a tensor, the first item for a list, else a short repr."""
    if isinstance(data, Tensor):
        return f'tensor {tuple(data.shape)} {str(data.dtype).removeprefix("torch.")}'
    if isinstance(data, list) and data:
        return f'list of {len(data)}: {_summary(data[0])}{", ..." if len(data) > 1 else ""}'
    return f'{data!r:.60}'
