"""Whether backbone, neck, head and priors are made for each other, before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import dense_head_of
from mmlite.models.outline import outline_of

_SIDE = 256  # of the input that is tried, where the priors ask for none
_FEW = 4  # cells of a level tell nothing of its stride, where the side is not the real one
_ODD = 1.4  # a level may be this much coarser or finer than its stride: sides are rounded


def check_parts_fit(detector: nn.Module, cfg: Mapping) -> None:
    """Runs a model without memory on an image without pixels and compares what is handed on.

    What cannot run so, in a class of the user's, is not looked at.

    Args:
        detector: what was built; it is not changed.
        cfg: `model` of its config.

    Raises:
        ConfigError: levels, channels or strides differ; names the keys and both values.
    """
    try:
        outline = outline_of(detector)
        side = getattr(detector, 'input_size', None) or _SIDE
        with torch.device('meta'):
            feats = outline.backbone(torch.zeros(1, 3, side, side))
    except Exception:  # the first step says it, with its traceback
        return
    if cfg.get('neck') is not None:
        is_list = isinstance(cfg['neck'], (list, tuple))  # the first one gets the backbone's maps
        first, at = (cfg['neck'][0], 'model.neck.0') if is_list else (cfg['neck'], 'model.neck')
        _check_channels(first, at, _read(detector.neck, feats), 'the backbone')
        try:
            with torch.device('meta'):
                feats = outline.neck(feats)
        except Exception:
            return
    key, head = 'rpn_head' if 'rpn_head' in cfg else 'bbox_head', dense_head_of(detector)
    has_priors = hasattr(head, 'prior_generator')
    # of another head, only where it says so: its arguments are its own matter
    if has_priors or getattr(head, 'has_in_channels_of_each_map', False):
        _check_channels(cfg[key], f'model.{key}', feats, 'the part before it')
    if has_priors:
        _check_strides(head.prior_generator, f'model.{key}', feats, side)
    if 'roi_head' in cfg:
        _check_rois(cfg['roi_head'], feats, side)


def _read(neck: nn.Module, feats: Sequence[Tensor]) -> Sequence[Tensor]:
    """Returns the maps of a backbone that a neck reads, in the order of its `in_channels`."""
    if getattr(neck, 'reads_last_map', False):
        return feats[-1:]
    return feats[::-1] if getattr(neck, 'deepest_first', False) else feats


def _check_channels(part: Mapping, at: str, feats: Sequence[Tensor], giver: str) -> None:
    declared = part.get('in_channels')
    if declared is None:
        return
    given = [feat.shape[1] for feat in feats]
    expected = [declared] * len(given) if isinstance(declared, int) else list(declared)
    if given != expected:
        raise ConfigError(
            f'{at}.in_channels: {giver} hands on {len(given)} levels of {_listed(given)} '
            f'channels, found {declared}'
        )


def _check_rois(cfg: Mapping, feats: Sequence[Tensor], side: int) -> None:
    """Compares what is pooled with the maps, and with what the second stage expects."""
    extractor, at = cfg['bbox_roi_extractor'], 'model.roi_head.bbox_roi_extractor'
    if not isinstance(extractor, Mapping) or 'featmap_strides' not in extractor:
        return
    strides = extractor['featmap_strides']
    if len(strides) > len(feats):
        raise ConfigError(
            f'{at}.featmap_strides: it gets {len(feats)} levels, found {len(strides)} strides: '
            f'{_listed(strides)}'
        )
    channels = extractor['out_channels']
    for feat, stride in zip(feats, strides, strict=False):
        if feat.shape[1] != channels:
            raise ConfigError(
                f'{at}.out_channels: the maps have {feat.shape[1]} channels, found {channels}'
            )
        cells = feat.shape[-1]
        if cells >= _FEW and not 1 / _ODD < side / cells / stride < _ODD:
            raise ConfigError(
                f'{at}.featmap_strides: a map has {cells} cells for {side} pixels, a stride of '
                f'about {side / cells:.0f}, found {stride} in {_listed(strides)}'
            )
    if cfg.get('shared_head') is not None:
        return
    size = extractor['roi_layer'].get('output_size', 7)
    heads = cfg['bbox_head'] if isinstance(cfg['bbox_head'], (list, tuple)) else [cfg['bbox_head']]
    for head in heads:
        for key, given in (('in_channels', channels), ('roi_feat_size', size)):
            if head.get(key, given) != given:
                raise ConfigError(
                    f'model.roi_head.bbox_head.{key}: {given} is expected, as '
                    f'bbox_roi_extractor gives it; found {head[key]}'
                )


def _check_strides(generator: Any, at: str, feats: Sequence[Tensor], side: int) -> None:
    sizes = [tuple(feat.shape[-2:]) for feat in feats]
    if len(sizes) != generator.num_levels:
        raise ConfigError(
            f'{at}: it gets {len(sizes)} levels, and its priors have '
            f'{generator.num_levels} strides: {_listed(w for w, _ in generator.strides)}'
        )
    strides = generator.strides_of(sizes)
    for level, ((height, width), (w, h)) in enumerate(zip(sizes, strides, strict=True)):
        for cells, stride in ((width, w), (height, h)):
            if generator.input_size is None and cells < _FEW:
                continue
            if not 1 / _ODD < side / cells / stride < _ODD:
                raise ConfigError(
                    f'{at}: level {level} has {cells} cells for {side} pixels, a '
                    f'stride of about {side / cells:.0f}; its priors are {stride} apart: strides '
                    f'{_listed(w for w, _ in strides)}'
                )


def _listed(numbers: Any) -> str:
    return str(list(numbers))
