"""The hops of a second stage: proposals, the RoIs that are sampled of them, losses (row 11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from mmlite.models.roi_heads.rois import Stage
from mmlite.parallel.model_wrapper import parse_losses
from mmlite.tools.explain import views
from mmlite.tools.explain.hop import Hop, describe
from mmlite.tools.explain.places import called, place
from mmlite.tools.explain.recorder import Recorder

_FOUND = 0.5  # IoU from which a proposal is on an object
_SHOWN = 30  # proposals drawn in a picture


def watch_second_stage(recorder: Recorder, detector: nn.Module) -> None:
    """Keeps the proposals, what each stage samples of them, and all losses."""
    recorder.watch(detector.rpn_head, 'propose', 'propose')
    recorder.watch(detector, 'loss', 'detector_loss')
    for number, stage in enumerate(detector.roi_head.stages):
        if stage.sampler is not None:
            recorder.watch(stage.sampler, 'sample', f'sample{number}')


def second_stage_hops(recorder: Recorder, detector: nn.Module, classes: Sequence[str]) -> list[Hop]:
    """Row 11 continued, of a step that was recorded."""
    call, losses = recorder.last('propose'), recorder.last('detector_loss')
    if call is None or losses is None:
        return []
    hops = [_proposals_hop(recorder, detector, call.result)]
    for number, stage in enumerate(detector.roi_head.stages):
        sampled = recorder.last(f'sample{number}')
        if sampled is not None:
            hops.append(_sample_hop(number, stage, sampled.args[1], sampled.result, classes))
    return [*hops, _losses_hop(detector, losses.result)]


def _proposals_hop(recorder: Recorder, detector: nn.Module, found: Sequence[dict]) -> Hop:
    head = detector.rpn_head
    hop = Hop(
        '11a',
        'The proposals: the best boxes of the first stage, after NMS of each level',
        [f'{type(head).__name__}.propose  {place(type(head).propose)}'],
    )
    for image, one in enumerate(found[:4]):
        for name, value in one.items():
            layout = 'xyxy, pixels of the input' if name == 'bboxes' else 'of an object, best first'
            hop.values.append(describe(f'image {image}: {name}', value, layout))
    _, _, _, metas, gt_bboxes, *_ = recorder.last('get_targets').args
    rows: list[Sequence[Any]] = [('image', 'proposals', 'objects', f'met at IoU {_FOUND}')]
    for image, (one, truth) in enumerate(zip(found, gt_bboxes, strict=True)):
        met = (box_iou(truth, one['bboxes']) >= _FOUND).any(dim=1).sum() if len(truth) else 0
        rows.append((image, len(one['bboxes']), len(truth), int(met)))
    hop.tables = [rows]
    hop.notes = [f'which are proposals in a training: {detector.proposal_cfg}']
    hop.pictures = _pictures(recorder, detector, metas, found)
    return hop


def _pictures(
    recorder: Recorder, detector: nn.Module, metas: Sequence[dict], found: Sequence[dict]
) -> list[tuple[str, Any]]:
    img = recorder.last('preprocessor').result
    pictures = views.input_pictures(img, metas, detector.data_preprocessor)
    return [
        (
            f'image {image}: the {_SHOWN} best proposals',
            views.boxes_picture(picture, one['bboxes'][:_SHOWN]),
        )
        for image, (picture, one) in enumerate(zip(pictures[:4], found, strict=False))
    ]


def _sample_hop(
    number: int, stage: Stage, gt_bboxes: Sequence[Tensor], sample: Any, classes: Sequence[str]
) -> Hop:
    """What a stage learns from: by image, by level, by class."""
    sampler = stage.sampler
    who = [
        f'RoISampler.sample  {place(type(sampler).sample)}',
        called(sampler.assigner),
        called(sampler.sampler),
        called(stage.extractor),
        called(stage.bbox_head),
    ]
    hop = Hop(f'11b{number + 1}', f'Stage {number + 1}: the RoIs that it learns from', who)
    hop.values = [
        describe('rois', sample.rois, '(K, 5): number of the image, xyxy of the input'),
        describe('labels', sample.labels, '(K,): -1 ignore, 0 background, 1..C'),
        describe('matched', sample.matched, '(K, 4) xyxy, pixels of the input'),
    ]
    labels, truth = sample.labels.split(sample.counts), sample.is_truth.split(sample.counts)
    rows: list[Sequence[Any]] = [
        ('image', 'RoIs', 'positive', 'background', 'too few to take', 'are ground truth')
    ]
    for image, (own, own_truth) in enumerate(zip(labels, truth, strict=True)):
        counts = [int(mask.sum()) for mask in (own > 0, own == 0, own < 0, own_truth & (own >= 0))]
        rows.append((image, len(own), *counts))
    hop.tables = [rows]
    if hasattr(stage.extractor, 'levels_of'):
        hop.tables.append(_level_rows(stage.extractor, sample))
    names = [classes[label - 1] for label in sample.labels[sample.labels > 0].unique().tolist()]
    total = sum(map(len, gt_bboxes))
    hop.notes = [f'{total} objects; classes among the positive RoIs: {", ".join(names) or "none"}']
    return hop


def _level_rows(extractor: nn.Module, sample: Any) -> list[Sequence[Any]]:
    """Returns from which level RoIs are pooled."""
    levels = extractor.levels_of(sample.rois[:, 1:])
    rows: list[Sequence[Any]] = [('pooled from level', 'RoIs', 'positive')]
    for level in range(len(extractor.roi_layers)):
        own = (levels == level) & (sample.labels >= 0)
        rows.append((level, int(own.sum()), int((own & (sample.labels > 0)).sum())))
    return rows


def _losses_hop(detector: nn.Module, losses: dict[str, Tensor]) -> Hop:
    cls = type(detector)
    hop = Hop('11c', 'The losses of both stages', [f'{cls.__name__}.loss  {place(cls.loss)}'])
    total, _ = parse_losses(losses)
    rows: list[Sequence[Any]] = [('loss', 'value')]
    rows += [(name, f'{torch.as_tensor(value).item():.4f}') for name, value in losses.items()]
    rows.append(('loss', f'{total.item():.4f}'))
    hop.tables = [rows]
    return hop
