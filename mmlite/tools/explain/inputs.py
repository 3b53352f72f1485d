"""The hops of a batch up to the feature maps: collate, scatter, preprocessor, backbone, neck."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mmlite.engine.step import train_step
from mmlite.parallel import MMDataParallel, collate, scatter, unwrapped
from mmlite.tools.explain import views
from mmlite.tools.explain.hop import Hop, ValueLine, describe, feature_layout
from mmlite.tools.explain.places import called, place
from mmlite.tools.explain.recorder import Recorder

Batch = Mapping[str, Any]


def collate_hop(batch: Batch, collate_fn: Any) -> Hop:
    """Row 5: one dict of the whole batch."""
    hop = Hop('5', 'collate: the samples become a batch', [_function(collate_fn)])
    metas = unwrapped(batch['img_metas'])
    hop.values = [_batch_value(key, value, metas) for key, value in batch.items()]
    if collate_fn is collate:
        hop.notes = [
            'images are padded with 0 at the right and bottom to the largest of the batch; nothing '
            'is None; the rest stays a list with one item per image'
        ]
    pictures = views.batch_pictures(unwrapped(batch['img']), metas)
    hop.pictures = [('the batch', views.pictures_sheet(pictures))]
    return hop


def scatter_hop(batch: Batch, wrapper: MMDataParallel) -> tuple[Batch, Hop]:
    """Row 6: the batch on the device, and the hop."""
    device = wrapper.devices[0]
    who = [
        f'train_step  {place(train_step)}',
        f'MMDataParallel.forward  {place(MMDataParallel.forward)}',
        _function(scatter),
    ]
    hop = Hop('6', f'scatter: the batch goes to {device}, and gets the dtypes of the model', who)
    scattered = scatter(batch, device)
    metas = scattered['img_metas']
    hop.values = [_batch_value(key, value, metas) for key, value in scattered.items()]
    changed = [
        f'{key}: {_dtype(before)} -> {_dtype(after)}'
        for key, before, after in (
            (k, unwrapped(batch[k]), scattered[k]) for k in batch if _dtype(scattered[k])
        )
        if _dtype(before) != _dtype(after)
    ]
    hop.notes = [
        'the only place where data change device: nobody else calls .to(device) or .cuda()',
        f'dtypes changed: {"; ".join(changed) or "none"}; no DataContainer is left',
    ]
    return scattered, hop


def preprocessor_hop(recorder: Recorder, detector: nn.Module) -> Hop:
    preprocessor = detector.data_preprocessor
    call = recorder.last('preprocessor')
    (before, metas), img = call.args, call.result
    was_rgb = bool((metas[0].get('img_norm_cfg') or {}).get('to_rgb'))
    colours = 'RGB' if was_rgb != getattr(preprocessor, 'bgr_to_rgb', False) else 'BGR'
    who = [
        f'{type(detector).__name__}.forward  {place(type(detector).forward)}',
        called(preprocessor),
    ]
    hop = Hop('7.1', 'The preprocessor: what happens to the batch on the device', who)
    hop.values = [describe('img', img, colours=colours)]
    hop.values += [
        describe(f'img_metas[{i}].{key}', meta[key], layout)
        for i, meta in enumerate(metas[:2])
        for key, layout in (('batch_input_shape', 'h, w'), ('pad_shape', 'h, w, c'))
        if key in meta
    ]
    norm = getattr(preprocessor, 'mean_std', None)
    if norm is not None:
        mean, std = norm
        swapped = 'BGR to RGB, then ' if preprocessor.bgr_to_rgb else ''
        hop.notes.append(
            f'{swapped}(img - {_numbers(mean)}) / {_numbers(std)}; padding is '
            f'{preprocessor.pad_value} after that'
        )
    hop.notes.append(f'size {tuple(before.shape[-2:])} -> {tuple(img.shape[-2:])} (h, w)')
    pictures = views.input_pictures(img, metas, preprocessor)
    hop.pictures = [
        ('normalisation undone, with the padding', views.pictures_sheet(pictures)),
        ('the first as the network gets it, stretched to 0-255', views.raw_picture(img[0])),
    ]
    return hop


def feature_hops(recorder: Recorder, detector: nn.Module) -> list[Hop]:
    hops = []
    parts = [('7.2', 'backbone', detector.backbone), ('7.3', 'neck', detector.neck)]
    img = recorder.last('preprocessor').result
    for row, name, part in parts:
        call = recorder.last(name)
        if call is None:
            continue
        who = [called(part)]
        if not hops:
            method = type(detector).extract_feat
            who.insert(0, f'{type(detector).__name__}.extract_feat  {place(method)}')
        hop = Hop(row, f'The {name}: feature maps, high to low resolution', who)
        for level, feat in enumerate(call.result):
            layout = f'{feature_layout(feat)}, w / {img.shape[-1] / feat.shape[-1]:.4g}'
            hop.values.append(describe(f'level {level}', feat, layout))
        maps = [feat[0].detach().abs().mean(dim=0) for feat in call.result]
        hop.pictures = [('image 0: mean |activation|, each level by itself', views.heat_maps(maps))]
        hops.append(hop)
    return hops


def _function(function: Any) -> str:
    return f'{getattr(function, "__name__", type(function).__name__)}  {place(function)}'


def _batch_value(key: str, value: Any, metas: Sequence[Mapping[str, Any]]) -> ValueLine:
    if key != 'img':
        return describe(key, value)
    norm = metas[0].get('img_norm_cfg') or {}
    return describe(key, value, colours='RGB' if norm.get('to_rgb') else 'BGR')


def _dtype(value: Any) -> str:
    first = value[0] if isinstance(value, (list, tuple)) and value else value
    return str(first.dtype).removeprefix('torch.') if isinstance(first, Tensor) else ''


def _numbers(values: Sequence[float]) -> str:
    return f'({", ".join(f"{value:g}" for value in values)})'
