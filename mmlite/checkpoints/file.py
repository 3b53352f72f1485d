"""Checkpoint files: read without running code, written whole or not at all, holding plain data."""

from __future__ import annotations

import pickle
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer, print_log
from torch import Tensor

from mmlite.errors import DataError, did_you_mean
from mmlite.support.cache import note_fetched
from mmlite.support.files import near_files, whole_file


def read_checkpoint(path: str | Path, trusted: bool = False) -> dict[str, Any]:
    """Reads a checkpoint file or URL to the CPU; runs no code from it, unless it is trusted.

    Beside tensors and containers it may hold NumPy's values, and mmengine's HistoryBuffer and
    ConfigDict, which its Runner writes.

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
        _check_sizes(file)
        _check_sums(file)
        with torch.serialization.safe_globals(_inert_types()):
            checkpoint = torch.load(file, map_location='cpu', weights_only=not trusted)
    except DataError:
        raise
    except Exception as error:  # a broken pickle raises nearly anything
        raise DataError(f'checkpoint {file}: {_why_unreadable(file, error)}') from error
    if not isinstance(checkpoint, Mapping):
        raise DataError(
            f'checkpoint {file}: a dict of tensors is expected, found {type(checkpoint).__name__}'
        )
    return dict(checkpoint)


def _check_sizes(file: Path) -> None:
    """A few kilobytes of a zip file can unpack to terabytes; torch packs nothing."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            declared = sum(member.file_size for member in archive.infolist())
        if declared > file.stat().st_size:
            raise DataError(
                f'checkpoint {file}: it would unpack to {declared / 1e6:.0f} MB, and has '
                f'{file.stat().st_size / 1e6:.1f} MB: torch writes no such file'
            )


def _check_sums(file: Path) -> None:
    """torch reads a file with flipped bits silently; its zip format has checksums."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f'wrong checksum of {damaged}')


def _inert_types() -> list:
    """Types that run nothing when they are read; those with a name are found under that name."""
    rebuilt = [np.zeros(0).__reduce__()[0], np.float64(0).__reduce__()[0]]
    names = [f'numpy.{core}.multiarray' for core in ('core', '_core')]  # NumPy 1 and 2
    return [
        np.ndarray,
        np.dtype,
        *(value for name, value in vars(np.dtypes).items() if name.endswith('DType')),
        *((function, f'{name}.{function.__name__}') for function in rebuilt for name in names),
        ConfigDict,
        HistoryBuffer,
        (_statistic, 'builtins.getattr'),
    ]


def _statistic(owner: Any, name: str) -> Callable:
    """Replaces `getattr`, by which a HistoryBuffer names its statistics, and does only that."""
    if owner is not HistoryBuffer or name not in ('min', 'max', 'mean', 'current'):
        raise pickle.UnpicklingError(f'GLOBAL builtins.getattr({owner!r:.80}, {name!r:.80})')
    return getattr(owner, name)


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
    if file.suffix in ('.py', '.json', '.yaml', '.yml'):
        return f'it is a file {file.suffix}, and a checkpoint is expected, such as epoch_8.pth'
    return f'it is no checkpoint; it starts with {start!r}'


def check_is_there(path: str | Path) -> None:
    """Raises DataError where there is no such checkpoint file; a URL is not looked at."""
    file = Path(path)
    if '://' in str(path):
        return
    if file.is_dir():
        names = sorted(p.name for p in file.glob('*.pth'))
        has = f' It has {", ".join(names[-4:])}' if names else ''
        raise DataError(f'checkpoint {file}: it is a folder, and a file is expected.{has}')
    if not file.is_file():
        raise DataError(f'checkpoint {file}: no such file.{near_files(file)}')


def trained_classes(meta: Mapping[str, Any] | None) -> Sequence[str] | None:
    """Returns the class names in the `meta` of a checkpoint, as mmdet 3.x or 2.x writes them."""
    meta = meta or {}
    return (meta.get('dataset_meta') or {}).get('classes') or meta.get('CLASSES')


def last_checkpoint(work_dir: str | Path) -> str | None:
    """Returns the checkpoint that `last_checkpoint` in a work dir names, None if it has none.

    mmlite writes its path from the work dir, mmengine an absolute one.
    """
    note = Path(work_dir) / 'last_checkpoint'
    if not note.is_file():
        return None
    named = Path(work_dir) / note.read_text(encoding='utf-8').strip()
    moved = Path(work_dir) / named.name  # the work dir was renamed or copied
    return str(moved if moved.is_file() else named)


def write_checkpoint(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Writes a checkpoint so that `path` holds the old file or the whole new one, never half.

    Raises:
        DiskFullError: there is no room for it.
    """
    content = plain(checkpoint)
    with whole_file(path) as file:
        torch.save(content, file)


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
        raise TypeError(
            f'{at}: {value!r:.100} is no plain data, and a checkpoint holds nothing else'
        )
    return value


def _fetched(source: str) -> Path:
    """Returns the local copy of a URL, fetched into torch's hub folder where it is missing."""
    url = _url_of(source)
    target = Path(torch.hub.get_dir()) / 'checkpoints' / url.rsplit('/', 1)[-1]
    if target.is_file():
        return target
    print_log(f'Fetching {url} to {target}', logger='current')
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(target), progress=sys.stderr.isatty())
        note_fetched(target)
    except (OSError, HTTPException, RuntimeError, ValueError) as error:  # URLError is an OSError
        raise DataError(
            f'the weights {source} cannot be fetched: {error}.\n'
            f'  from: {url}\n'
            f'  to:   {target}   (a file put there by hand is found)\n'
            'Or train without them: --from-scratch'
        ) from error
    return target


def _url_of(source: str) -> str:
    """Resolves `torchvision://NAME[.WEIGHTS]` (the oldest there are) and `open-mmlab://NAME`."""
    scheme, _, name = source.partition('://')
    if scheme == 'torchvision':
        from torchvision.models import get_model_weights, list_models

        model, _, weights = name.partition('.')
        if model not in list_models():
            raise DataError(f'{source}: unknown model.{did_you_mean(model, list_models())}')
        known = get_model_weights(model).__members__
        weights = weights or next(iter(known))  # IMAGENET1K_V1, of detectors COCO_V1
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
