"""Checkpoints from one layout to another, written and read back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mmengine
import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmlite.checkpoints.file import read_checkpoint, write_checkpoint
from mmlite.checkpoints.loading import LoadReport, load_weights
from mmlite.checkpoints.weight_names import from_own
from mmlite.config.recorded import config_in
from mmlite.errors import DataError
from mmlite.models import build_detector
from mmlite.version import __version__

# what only a training that goes on needs
_TRAINING = ('optimizer', 'param_schedulers', 'message_hub', 'ema_state_dict')
_VERSIONS = ('mmlite_version', 'mmengine_version', 'mmdet_version', 'mmcv_version')


def convert_checkpoint(
    source: str,
    target: str | Path,
    to: str,
    config: Config | None = None,
    publish: bool = False,
    trusted: bool = False,
    layout: str | None = None,
    allow_partial: bool = False,
) -> tuple[Path, LoadReport]:
    """Reads a checkpoint, writes its weights in another layout, and compares what was written.

    Args:
        source: the checkpoint, of any layout that `load_checkpoint` reads.
        target: the file to write; with `publish` the start of its SHA-256 goes into the name.
        to: 'mmlite', 'mmdet-3.x', 'mmdet-1.x' or 'torchvision'; the first two differ in nothing but
            their meta.
        config: of the model; left out where the checkpoint's meta holds it.
        publish: leave out the state of the optimiser and the logger.
        trusted, layout: as `load_checkpoint`.
        allow_partial: write the model even where not all of it was in the file.

    Returns:
        the file written, and what was loaded from the source.

    Raises:
        ConfigError: there is no config.
        DataError: the source cannot be read or does not fit, or the file is not what was meant.
    """
    checkpoint = read_checkpoint(source, trusted)
    meta = checkpoint.get('meta')
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    config = config or config_in(meta, source)
    detector = build_detector(config.model)
    report = load_weights(detector, checkpoint, source, False, layout, 0 if allow_partial else 1)
    weights = detector.state_dict()
    written = _checkpoint(checkpoint, meta, from_own(weights, to, detector), to, publish, config)
    path = Path(target)
    write_checkpoint(written, path)
    _verify(path, build_detector(config.model), weights)
    if publish:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        path = path.rename(path.with_name(f'{path.stem}-{digest}{path.suffix}'))
    return path, report


def _checkpoint(
    source: Mapping[str, Any],
    meta: dict[str, Any],
    weights: dict[str, Tensor],
    to: str,
    publish: bool,
    config: Config,
) -> dict[str, Any]:
    """Returns what is written: the weights, the versions that say how they are ordered, the rest.

    Only mmlite itself goes on with a training that mmlite began.
    """
    if to == 'torchvision':
        return dict(weights)
    kept = {key: value for key, value in meta.items() if key not in _VERSIONS}
    kept['cfg'] = config.pretty_text
    versions = {
        'mmlite': dict(mmlite_version=__version__, mmengine_version=mmengine.__version__),
        'mmdet-3.x': dict(mmengine_version=mmengine.__version__),
        'mmdet-1.x': dict(mmdet_version='1.2.0'),
    }[to]
    training = _TRAINING if to == 'mmlite' and not publish else ()
    kept_too = {key: source[key] for key in training if key in source}
    return dict(meta={**kept, **versions}, state_dict=weights, **kept_too)


def _verify(path: Path, fresh: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Reads the file again and compares every tensor with those of the model.

    Raises:
        DataError: one is missing or differs; the file is removed.
    """
    load_weights(fresh, read_checkpoint(path), str(path), min_share=1)
    found = fresh.state_dict()
    for key, value in weights.items():
        if not torch.equal(found[key], value):
            path.unlink()
            raise DataError(f'{path}: {key} is not what was written; the file is removed')
