"""Checkpoints: read with a report, written whole or not at all, nothing in them but plain data."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmlite.errors import DataError, did_you_mean


@dataclass
class LoadReport:
    """What `load_checkpoint` did with each key of the model and of the file."""

    path: str
    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # in the model, not in the file
    unexpected: list[str] = field(default_factory=list)  # in the file, not in the model
    wrong_shape: list[str] = field(default_factory=list)  # in both, not loaded
    meta: dict = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the model's own keys that were loaded."""
        return len(self.loaded) / max(len(self.loaded + self.missing + self.wrong_shape), 1)

    def __str__(self) -> str:
        lines = [f'{self.path}: {len(self.loaded)} tensors loaded ({self.share:.0%} of the model)']
        for name in ('missing', 'unexpected', 'wrong_shape'):
            keys = getattr(self, name)
            if keys:
                parts = Counter('.'.join(key.split('.')[:2]) for key in keys)
                listed = ', '.join(f'{part} ({count})' for part, count in parts.items())
                lines.append(f'  {name.replace("_", " ")}: {len(keys)}: {listed}')
        return '\n'.join(lines)


def load_checkpoint(
    model: nn.Module, path: str | Path, strict: bool = False, trusted: bool = False
) -> LoadReport:
    """Loads the weights of a checkpoint into a model.

    Args:
        model: a detector, not its wrapper.
        path: a file, a URL, `torchvision://NAME` or `open-mmlab://NAME`.
        strict: every key must be loaded.
        trusted: as `read_checkpoint`.

    Returns:
        what was loaded and what was not.

    Raises:
        DataError: the file cannot be read, nothing in it fits the model, or `strict` is broken.
    """
    checkpoint = read_checkpoint(path, trusted)
    report = load_weights(model, checkpoint, str(path), strict)
    meta = checkpoint.get('meta')
    report.meta = dict(meta) if isinstance(meta, Mapping) else {}
    return report


def load_weights(
    model: nn.Module, checkpoint: Mapping, path: str, strict: bool = False
) -> LoadReport:
    """Loads what `read_checkpoint` returned; see `load_checkpoint`."""
    weights = _without_prefix(_state_dict_of(checkpoint, path))
    own = model.state_dict()
    fitting = {
        key: value for key, value in weights.items() if key in own and value.shape == own[key].shape
    }
    report = LoadReport(
        path,
        loaded=list(fitting),
        missing=[key for key in own if key not in weights],
        unexpected=[key for key in weights if key not in own],
        wrong_shape=[key for key in weights if key in own and key not in fitting],
    )
    if not report.loaded:
        raise DataError(
            f'{path}: none of its {len(weights)} tensors fits the model. The file has '
            f'{_some(weights)}; the model has {_some(own)}'
        )
    if strict and len(report.loaded) < max(len(own), len(weights)):
        raise DataError(str(report))
    model.load_state_dict(fitting, strict=False)
    return report


def load_pretrained(
    module: nn.Module, source: str, convert: Callable[[dict[str, Tensor]], dict[str, Tensor]]
) -> LoadReport:
    """Loads a backbone's first weights; `convert` turns the file's tensors into the backbone's."""
    weights = convert(_without_prefix(_state_dict_of(read_checkpoint(source), source)))
    report = load_weights(module, weights, source)
    print_log(f'Weights of {type(module).__name__}: {report}', logger='current')
    return report


def read_checkpoint(path: str | Path, trusted: bool = False) -> dict[str, Any]:
    """Reads a checkpoint file or URL to the CPU; runs no code from it, unless it is trusted.

    Args:
        path: the file or URL.
        trusted: unpickle whatever it holds, which can run code of the file's author.

    Raises:
        DataError: it is not there, cannot be fetched or holds more than plain data.
    """
    if '://' in str(path):
        file = _fetched(str(path))
    else:
        check_is_there(path)
        file = Path(path)
    try:
        checkpoint = torch.load(file, map_location='cpu', weights_only=not trusted)
    except Exception as error:  # a broken pickle raises nearly anything
        raise DataError(f'checkpoint {file}: {_why_unreadable(file, error)}') from error
    if not isinstance(checkpoint, Mapping):
        raise DataError(
            f'checkpoint {file}: a dict of tensors is expected, found {type(checkpoint).__name__}'
        )
    return dict(checkpoint)


def _why_unreadable(file: Path, error: Exception) -> str:
    """torch's own messages are long, and advise to run the code in the file."""
    with file.open('rb') as stream:
        start = stream.read(16)
    refused = re.search(r'GLOBAL ([\w.]+)', str(error))
    if refused:
        return (
            f'it holds {refused[1]}, and only tensors and plain data are read: anything else could '
            "run code of the file's author. If you trust it: --trust-checkpoint"
        )
    if not start:
        return 'the file is empty'
    if start.startswith(b'PK'):  # torch's format is a zip file
        return (
            f'it is damaged or cut off ({type(error).__name__}: {str(error).splitlines()[0]:.80})'
        )
    return f'it is no checkpoint; it starts with {start!r}'


def check_is_there(path: str | Path) -> None:
    """Raises DataError where there is no such checkpoint file; a URL is not looked at."""
    file = Path(path)
    if '://' not in str(path) and not file.is_file():
        near = [p.name for p in file.parent.glob('*')] if file.parent.is_dir() else []
        raise DataError(f'checkpoint {file}: no such file.{did_you_mean(file.name, near)}')


def last_checkpoint(work_dir: str | Path) -> str | None:
    """Returns the checkpoint that `last_checkpoint` in a work dir names, None if it has none."""
    note = Path(work_dir) / 'last_checkpoint'
    if not note.is_file():
        return None
    named = Path(note.read_text().strip())
    moved = Path(work_dir) / named.name  # the work dir was renamed or copied
    return str(moved if moved.is_file() else named)


def write_checkpoint(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Writes a checkpoint so that `path` holds the old file or the whole new one, never half."""
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(temporary, 'wb') as file:
            torch.save(plain(checkpoint), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


# what `weights_only` reads beside tensors and containers
_PLAIN = (str, bytes, bool, int, float, complex, type(None), torch.dtype, torch.device)


def plain(value: Any, at: str = 'checkpoint') -> Any:
    """Turns NumPy values and the subclasses of dict, list and tuple into plain ones, on the CPU.

    Raises:
        TypeError: a value is something else, and the file could not be read again; says where
            (`at` is the place of `value`).
    """
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {plain(key, at): plain(item, f'{at}.{key}') for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [plain(item, f'{at}[{i}]') for i, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    if type(value).__module__ == 'numpy':
        return torch.as_tensor(value) if getattr(value, 'ndim', 0) else value.item()
    if type(value) not in _PLAIN:
        raise TypeError(f'{at}: {value!r:.100} is no plain data, which alone a checkpoint can hold')
    return value


def _state_dict_of(checkpoint: Mapping, path: str) -> dict[str, Tensor]:
    state_dict = checkpoint.get('state_dict', checkpoint)
    if not isinstance(state_dict, Mapping):
        raise DataError(f"checkpoint {path}: its 'state_dict' is {type(state_dict).__name__}")
    weights = {key: value for key, value in state_dict.items() if isinstance(value, Tensor)}
    if not weights:
        raise DataError(f'checkpoint {path}: it holds no tensors; its keys are {_some(checkpoint)}')
    return weights


def _without_prefix(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Removes the `module.` that data-parallel wrappers of other programs leave behind."""
    return {re.sub(r'^module\.', '', key): value for key, value in weights.items()}


def _some(keys: Mapping) -> str:
    names = list(map(str, keys))
    return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')


def _fetched(source: str) -> Path:
    """Returns the local copy of a URL, fetched into torch's hub folder where it is missing."""
    url = _url_of(source)
    target = Path(torch.hub.get_dir()) / 'checkpoints' / url.rsplit('/', 1)[-1]
    if target.is_file():
        return target
    print_log(f'Fetching {url} to {target}', logger='current')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target), progress=False)
    except (OSError, HTTPException, RuntimeError, ValueError) as error:  # URLError is an OSError
        raise DataError(
            f'the weights {source} cannot be fetched: {error}.\n'
            f'  from: {url}\n'
            f'  to:   {target}   (a file put there by hand is found)\n'
            'Or train without them: --from-scratch'
        ) from error
    return target


def _url_of(source: str) -> str:
    """Resolves `torchvision://NAME[.WEIGHTS]` (IMAGENET1K_V1) and `open-mmlab://NAME`."""
    scheme, _, name = source.partition('://')
    if scheme == 'torchvision':
        from torchvision.models import get_model_weights, list_models

        model, _, weights = name.partition('.')
        if model not in list_models():
            raise DataError(f'{source}: unknown model.{did_you_mean(model, list_models())}')
        known = get_model_weights(model).__members__
        weights = weights or 'IMAGENET1K_V1'
        if weights not in known:
            raise DataError(f'{source}: no such weights; {model} has {", ".join(known)}')
        return known[weights].url
    if scheme == 'open-mmlab':
        from mmengine.runner.checkpoint import get_external_models

        urls = get_external_models()
        if name not in urls:
            raise DataError(f'{source}: unknown name.{did_you_mean(name, urls)}')
        return urls[name]
    return source
