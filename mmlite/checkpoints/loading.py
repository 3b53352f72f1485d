"""Loading weights: from whatever wrote them into a model, with a report of what found its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.logging import print_log
from terminaltables import AsciiTable
from torch import Tensor, nn

from mmlite.checkpoints.file import (
    check_is_there,
    last_checkpoint,
    plain,
    read_checkpoint,
    write_checkpoint,
)
from mmlite.checkpoints.weight_names import recognise, to_own
from mmlite.errors import DataError

__all__ = [
    'LoadReport',
    'check_is_there',
    'last_checkpoint',
    'load_checkpoint',
    'load_pretrained',
    'load_weights',
    'plain',
    'read_checkpoint',
    'write_checkpoint',
]

# of a model that starts from a checkpoint: a new head is expected, a new backbone is a mistake
FINE_TUNING_SHARE = 0.5
_LISTED = 8  # wrong shapes that a report spells out


@dataclass
class LoadReport:
    """What `load_checkpoint` did with each key of the model and of the file."""

    path: str
    layout: str = 'mmdet-3.x'  # see mmlite.checkpoints.weight_names.recognise
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # in the model, not in the file
    unexpected: list[str] = field(default_factory=list)  # in the file, not in the model
    wrong_shape: list[str] = field(default_factory=list)  # in both, not loaded but drawn
    shapes: dict[str, tuple] = field(default_factory=dict)  # of these: in the file, in the model
    meta: dict = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the model's own keys that were loaded."""
        return len(self.loaded) / max(len(self.loaded + self.missing + self.wrong_shape), 1)

    def counts(self) -> dict[str, Counter]:
        """Returns for 'loaded', 'missing', 'unexpected' and 'wrong shape' the count per module."""
        return {
            name: Counter('.'.join(key.split('.')[:2]) for key in keys)
            for name, keys in (
                ('loaded', self.loaded),
                ('missing', self.missing),
                ('unexpected', self.unexpected),
                ('wrong shape', self.wrong_shape),
            )
        }

    def table(self) -> str:
        """Returns the counts per module, a row for each that is not loaded whole."""
        counts = self.counts()
        modules = {
            module: None for name, found in counts.items() if name != 'loaded' for module in found
        }
        rows = [[module, *(found[module] for found in counts.values())] for module in modules]
        return AsciiTable([['module', *counts], *rows]).table

    def __str__(self) -> str:
        layout = '' if self.layout == 'mmdet-3.x' else f' ({self.layout})'  # the own one
        share = f'{self.share:.0%} of the model'
        lines = [f'{self.path}{layout}: {len(self.loaded)} tensors loaded ({share})']
        if self.missing or self.unexpected or self.wrong_shape:
            lines.append(self.table())
        for key in self.wrong_shape[:_LISTED]:
            of_file, of_model = self.shapes[key]
            lines.append(f'  {key}: {of_file} in the file, {of_model} in the model, drawn again')
        return '\n'.join(lines)


def load_checkpoint(
    model: nn.Module,
    path: str | Path,
    strict: bool = False,
    trusted: bool = False,
    layout: str | None = None,
    min_share: float = FINE_TUNING_SHARE,
) -> LoadReport:
    """Loads the weights of a checkpoint into a model.

    It may be mmlite's own, of mmdet 3.x, 2.x or 1.x, one of torchvision's detection weights, or a
    classifier's for the backbone; which of them is found out.

    Args:
        model: a detector, not its wrapper.
        path: a file, a URL, `torchvision://NAME` or `open-mmlab://NAME`.
        strict: every key must be loaded.
        trusted: as `read_checkpoint`.
        layout: '1.x' or '3.x', where an SSD file does not say which mmdet wrote it.
        min_share: of the model's tensors, the share that must be loaded.

    Returns:
        what was loaded and what was not.

    Raises:
        DataError: the file cannot be read, too little of it fits the model, or `strict` is broken.
    """
    checkpoint = read_checkpoint(path, trusted)
    report = load_weights(model, checkpoint, str(path), strict, layout, min_share)
    meta = checkpoint.get('meta')
    report.meta = dict(meta) if isinstance(meta, Mapping) else {}
    return report


def load_weights(
    model: nn.Module,
    checkpoint: Mapping,
    path: str,
    strict: bool = False,
    layout: str | None = None,
    min_share: float = 0,
) -> LoadReport:
    """Loads what `read_checkpoint` returned; see `load_checkpoint`.

    Args:
        min_share: of the model's keys, the share that must be loaded; of a classifier's weights,
            of the backbone's keys, unless all are asked for.

    Raises:
        DataError: nothing fits, less than `min_share`, or with `strict` not all.
    """
    own, found = in_own_layout(model, checkpoint, path, layout)
    return load_own_weights(model, own, path, found, strict, min_share)


def in_own_layout(
    model: nn.Module, checkpoint: Mapping, path: str, layout: str | None = None
) -> tuple[dict, str]:
    """Gives the weights of a checkpoint the names and the order of channels that the model has.

    Args:
        model: a detector, not its wrapper.
        checkpoint: what `read_checkpoint` returned; it is not changed.
        path: of its file, for errors.
        layout: '1.x' or '3.x', where an SSD file does not say which mmdet wrote it.

    Returns:
        the checkpoint with `state_dict`, and `ema_state_dict` where it has one, in the model's
        layout; and the layout that they had, see `mmlite.checkpoints.weight_names.recognise`.

    Raises:
        DataError: it holds no weights, or does not say enough about them.
    """
    weights = _without_prefix(_state_dict_of(checkpoint, path), 'module.')
    meta = checkpoint.get('meta')
    found = recognise(weights, meta if isinstance(meta, Mapping) else {}, model, path, layout)
    own = dict(checkpoint) if 'state_dict' in checkpoint else {}
    # weights of which nothing is left are named as they are in the file
    own['state_dict'] = to_own(weights, found, model) or weights
    average = checkpoint.get('ema_state_dict')
    if average is not None:
        within = {k: v for k, v in average.items() if k.startswith('module.')}
        converted = to_own(_without_prefix(within, 'module.'), found, model)
        own['ema_state_dict'] = {
            **{key: value for key, value in average.items() if key not in within},
            **{f'module.{key}': value for key, value in converted.items()},
        }
    return own, found


def load_own_weights(
    model: nn.Module,
    checkpoint: Mapping,
    path: str,
    layout: str,
    strict: bool = False,
    min_share: float = 0,
) -> LoadReport:
    """Loads what `in_own_layout` returned; `layout` is what the file had. The rest: load_weights.

    Raises:
        DataError: as `load_weights`.
    """
    weights = checkpoint['state_dict']
    own = model.state_dict()
    if layout == 'backbone' and min_share < 1:
        own = {key: value for key, value in own.items() if key.startswith('backbone.')}
    report = _compared(own, weights, path, layout)
    if not report.loaded:
        raise DataError(
            f'{path}: none of its {len(weights)} tensors fits the model. The file has '
            f'{_some(weights)}; the model has {_some(own)}'
        )
    if strict and (report.missing or report.unexpected or report.wrong_shape):
        raise DataError(str(report))
    if report.share < min_share:
        raise DataError(
            f'{report}\n{min_share:.0%} of the model are expected from a checkpoint here. Is it of '
            'another config? To go on anyway: --allow-partial'
        )
    _draw_anew(model, report.wrong_shape)
    model.load_state_dict({key: weights[key] for key in report.loaded}, strict=False)
    return report


def load_pretrained(
    module: nn.Module,
    source: str,
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    prefix: str = '',
) -> LoadReport:
    """Loads a part's first weights; `convert` turns the file's tensors into the part's.

    Args:
        prefix: where the part lies in the file, such as 'backbone.' in a detector's checkpoint.

    Raises:
        DataError: the file cannot be read, or nothing in it fits.
    """
    checkpoint = read_checkpoint(source)
    weights = _without_prefix(_state_dict_of(checkpoint, source), 'module.')
    if prefix:
        prefix = prefix.rstrip('.') + '.'
        inside = {key: value for key, value in weights.items() if key.startswith(prefix)}
        if not inside:
            raise DataError(
                f"{source}: nothing in it begins with the prefix '{prefix}'; it has "
                f'{_some(weights)}'
            )
        weights = _without_prefix(inside, prefix)
    report = load_weights(module, dict(checkpoint, state_dict=convert(weights)), source)
    print_log(f'Weights of {type(module).__name__}: {report}', logger='current')
    return report


def _compared(own: Mapping, weights: Mapping, path: str, layout: str) -> LoadReport:
    shared = [key for key in weights if key in own]
    wrong = [key for key in shared if weights[key].shape != own[key].shape]
    return LoadReport(
        path,
        layout,
        loaded=[key for key in shared if key not in wrong],
        # a batch norm's counter of batches is for averages that nobody uses; older files lack it
        missing=[
            key for key in own if key not in weights and not key.endswith('.num_batches_tracked')
        ],
        unexpected=[key for key in weights if key not in own],
        wrong_shape=wrong,
        shapes={key: (tuple(weights[key].shape), tuple(own[key].shape)) for key in wrong},
    )


def _draw_anew(model: nn.Module, keys: list[str]) -> None:
    """Draws the parts again that hold layers of a wrong shape, such as a head for other classes."""
    for part in {_part_with_own_way(model, key): None for key in keys}:
        if part is not None and 'checkpoint' not in part.init_cfg:
            part.init_weights()


def _part_with_own_way(model: nn.Module, key: str) -> nn.Module | None:
    """Returns the innermost part of a model that says how a parameter is drawn, if one does."""
    names = key.split('.')[:-1]
    while names:
        part = model.get_submodule('.'.join(names))
        if getattr(part, 'init_cfg', None) is not None:
            return part
        names.pop()
    return None


def _state_dict_of(checkpoint: Mapping, path: str) -> dict[str, Tensor]:
    keys = ('state_dict', 'model')  # the second: the authors of Swin Transformer and others
    state_dict = next((checkpoint[key] for key in keys if key in checkpoint), checkpoint)
    if not isinstance(state_dict, Mapping):
        raise DataError(
            f"checkpoint {path}: its 'state_dict' or 'model' is {type(state_dict).__name__}"
        )
    weights = {key: value for key, value in state_dict.items() if isinstance(value, Tensor)}
    if not weights:
        raise DataError(f'checkpoint {path}: it holds no tensors; its keys are {_some(checkpoint)}')
    return weights


def _without_prefix(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Removes a prefix, such as the `module.` of other programs' data-parallel wrappers."""
    return {key.removeprefix(prefix): value for key, value in weights.items()}


def _some(keys: Mapping) -> str:
    names = list(map(str, keys))
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')
