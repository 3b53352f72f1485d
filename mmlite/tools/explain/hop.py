"""A hop: one step on the way of a batch, who did it, and what came out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmlite.parallel import DataContainer

HEAD = ('what', 'shape or value', 'dtype', 'device', 'layout, unit', 'colours', 'range')
_TEXT = 60  # characters of a value that is no array
_SHOWN = 4  # arrays of a list whose shapes are written out

# what the numbers of a key mean
_LAYOUTS = {
    'gt_bboxes': 'xyxy, pixels of img',
    'gt_bboxes_ignore': 'xyxy, pixels of img',
    'gt_labels': '1..C',
    'ori_shape': 'h, w, c',
    'img_shape': 'h, w, c',
    'pad_shape': 'h, w, c',
    'batch_input_shape': 'h, w',
    'scale_factor': 'w, h, w, h: new / old',
    'ann': 'xyxy, pixels of the file',
}


class ValueLine(NamedTuple):
    """One line about a value; empty where a column says nothing about it."""

    what: str
    shape: str
    dtype: str = ''
    device: str = ''
    layout: str = ''
    colours: str = ''
    range: str = ''


@dataclass
class Hop:
    """One step.

    Args:
        row: its row in the table of docs, '1' to '15', with a letter or number for its parts.
        title: what happens.
        who: 'name  file:line' of the code that does it.
        values: what comes out.
        notes: sentences.
        tables: rows, the first is the head.
        pictures: (caption, (h, w, 3) BGR uint8).
    """

    row: str
    title: str
    who: Sequence[str]
    values: list[ValueLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[list[Sequence[Any]]] = field(default_factory=list)
    pictures: list[tuple[str, np.ndarray]] = field(default_factory=list)


def describe(name: str, value: Any, layout: str = '', colours: str = '') -> ValueLine:
    """Returns the line about a value.

    Args:
        name: its key.
        value: an array, a tensor, a list of them, a DataContainer of these, or anything else.
        layout: of its axes or numbers; taken from the name if left out.
        colours: 'BGR' or 'RGB'.
    """
    if isinstance(value, DataContainer):
        how = 'stays on the host' if value.cpu_only else 'stacked' if value.stack else 'a list'
        inner = describe(name, value.data, layout, colours)
        return inner._replace(layout=_joined(inner.layout, f'DataContainer, {how}'))
    if isinstance(value, (list, tuple)) and value and all(map(_is_array, value)):
        shapes = ' '.join(str(tuple(item.shape)) for item in value[:_SHOWN])
        more = ' ...' if len(value) > _SHOWN else ''
        return ValueLine(
            name,
            f'{len(value)} x: {shapes}{more}',
            _dtype(value[0]),
            _device(value[0]),
            layout or _LAYOUTS.get(name, ''),
            colours,
            _range(value),
        )
    if _is_array(value):
        shape = ' x '.join(map(str, value.shape)) or 'scalar'
        if value.ndim == 1 and 0 < len(value) <= _SHOWN:
            shape += f': {", ".join(f"{number:.4g}" for number in value.tolist())}'
        layout = layout or _image_layout(name, value) or _LAYOUTS.get(name, '')
        return ValueLine(
            name, shape, _dtype(value), _device(value), layout, colours, _range([value])
        )
    if isinstance(value, Mapping):
        return ValueLine(name, _keys(value), 'dict', 'host')
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Mapping):
        return ValueLine(name, f'{len(value)} x: {_keys(value[0])}', 'list of dicts', 'host')
    layout = layout or _LAYOUTS.get(name, '')
    text = repr(value)
    text = text if len(text) <= _TEXT else f'...{text[-_TEXT:]}'  # the end of a path says most
    return ValueLine(name, text, type(value).__name__, 'host', layout)


def _keys(value: Mapping) -> str:
    return textwrap.shorten(', '.join(map(str, value)), _TEXT, placeholder=' ...')


def _joined(*parts: str) -> str:
    return ', '.join(part for part in parts if part)


def _is_array(value: Any) -> bool:
    return isinstance(value, (np.ndarray, Tensor))


def _dtype(value: np.ndarray | Tensor) -> str:
    return str(value.dtype).removeprefix('torch.')


def _device(value: np.ndarray | Tensor) -> str:
    return str(value.device) if isinstance(value, Tensor) else 'host (numpy)'


def _image_layout(name: str, value: np.ndarray | Tensor) -> str:
    if name != 'img':
        return ''
    if value.ndim == 4:
        return 'NCHW' + _memory(value)
    return 'HWC' if value.shape[-1] == 3 else 'CHW'


def _memory(value: Tensor) -> str:
    last = torch.channels_last
    is_last = not value.is_contiguous() and value.is_contiguous(memory_format=last)
    return ', NHWC in memory' if is_last else ''


def feature_layout(value: Tensor) -> str:
    """Returns the layout of a batch of feature maps, with that in memory where it differs."""
    return 'NCHW' + _memory(value)


def _range(values: Sequence[np.ndarray | Tensor]) -> str:
    arrays = [v.detach().cpu().float().numpy() if isinstance(v, Tensor) else v for v in values]
    arrays = [array for array in arrays if array.size and array.dtype.kind in 'biuf']
    if not arrays:
        return ''
    low, high = min(a.min() for a in arrays), max(a.max() for a in arrays)
    return f'{low:.4g} .. {high:.4g}'
