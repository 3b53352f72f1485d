"""The hops of the head: predictions, priors, targets, losses (rows 8 to 11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.models.heads.dense_head import DenseHead, featmap_sizes
from mmlite.parallel.model_wrapper import parse_losses
from mmlite.tools.explain import views
from mmlite.tools.explain.hop import Hop, describe
from mmlite.tools.explain.places import called, place
from mmlite.tools.explain.recorder import Recorder
from mmlite.tools.explain.second_stage import second_stage_hops, watch_second_stage


def watch_model(recorder: Recorder, detector: nn.Module) -> None:
    """Keeps what the parts of a detector are given and return."""
    recorder.watch(detector.data_preprocessor, 'forward', 'preprocessor')
    recorder.watch(detector.backbone, 'forward', 'backbone')
    if detector.neck is not None:
        recorder.watch(detector.neck, 'forward', 'neck')
    head = detector.dense_head
    for method in ('forward', 'forward_with_priors', 'get_targets', 'loss_terms', 'loss'):
        recorder.watch(head, method, method)
    for name, loss in losses_of(head).items():
        recorder.watch(loss, 'forward', name)
    if hasattr(detector, 'roi_head'):
        watch_second_stage(recorder, detector)


def head_hops(recorder: Recorder, detector: nn.Module, classes: Sequence[str]) -> list[Hop]:
    """Rows 8 to 11 of a step that was recorded; only 11 for a head with a way of its own."""
    head = detector.dense_head
    if recorder.last('forward_with_priors') is None:
        return _own_hops(recorder, head)
    return [
        _head_hop(recorder, head),
        _priors_hop(recorder, head),
        *_target_hops(recorder, detector, classes),
        *_loss_hops(recorder, head),
        *(second_stage_hops(recorder, detector, classes) if hasattr(detector, 'roi_head') else []),
    ]


def _head_hop(recorder: Recorder, head: DenseHead) -> Hop:
    outs, _, num_per_level = recorder.last('forward_with_priors').result
    feats = recorder.last('forward_with_priors').args[0]
    units = dict(
        cls_score=f'(N, R, {head.num_outputs}) logits'
        + (', background first' if head.num_outputs > head.num_classes else ''),
        bbox_pred=f'(N, R, {outs["bbox_pred"].shape[-1]}) deltas of the coder',
    )
    hop = Hop('8', 'The head: logits and deltas at every prior, flattened once', [called(head)])
    hop.values = [describe(key, out, units.get(key, '(N, R) logits')) for key, out in outs.items()]
    coder = f'{type(head.bbox_coder).__name__}  {place(type(head.bbox_coder).decode)}'
    hop.notes = [f'R = {outs["cls_score"].shape[1]}; coder: {coder}']
    scores = head.loss_cls.scores(outs['cls_score'])[0]
    maps = views.score_maps(scores, num_per_level, featmap_sizes(feats))
    hop.pictures = [
        ('image 0: best score at each cell, each level by itself', views.heat_maps(maps))
    ]
    return hop


def _priors_hop(recorder: Recorder, head: DenseHead) -> Hop:
    call = recorder.last('forward_with_priors')
    _, priors, num_per_level = call.result
    who = [f'DenseHead.forward_with_priors  {place(DenseHead.forward_with_priors)}']
    hop = Hop('9', 'The priors: reference boxes', [*who, called(head.prior_generator)])
    hop.values = [describe('priors', priors, '(R, 4) xyxy, pixels of the input')]
    rows: list[Sequence[Any]] = [
        ('level', 'cells (h x w)', 'px a cell', 'priors a cell', 'priors', 'sides, px')
    ]
    sizes, generator = featmap_sizes(call.args[0]), head.prior_generator
    levels = zip(
        sizes,
        generator.strides_of(sizes),
        generator.num_priors_per_location,
        priors.split(num_per_level),
        strict=True,
    )
    for level, ((height, width), stride, count, boxes) in enumerate(levels):
        sides = boxes[:count, 2:] - boxes[:count, :2]
        text = ' '.join(f'{w:.0f}x{h:.0f}' for w, h in sides.tolist()[:9])
        cells = f'{height} x {width}'
        step = f'{stride[1]:g} x {stride[0]:g}'
        rows.append((level, cells, step, count, len(boxes), text))
    hop.tables = [rows]
    return hop


def _target_hops(recorder: Recorder, detector: nn.Module, classes: Sequence[str]) -> list[Hop]:
    head = detector.dense_head
    call = recorder.last('get_targets')
    if call is None:
        return []
    priors, num_per_level, _, metas, gt_bboxes, gt_labels, *_ = call.args
    labels, matched, *others = call.result
    who = [
        f'DenseHead.get_targets  {place(type(head).get_targets)}',
        *([called(head.assigner)] if head.assigner is not None else []),
    ]
    hop = Hop('10', 'The targets: what each prior has to say', who)
    hop.values = [
        describe('labels', labels, '(N, R): -1 ignore, 0 background, 1..C'),
        describe('matched', matched, '(N, R, 4) xyxy, pixels of the input'),
        *(
            describe(f'further target {number}', other, 'see `gather_targets` of the head')
            for number, other in enumerate(others, 1)
        ),
    ]
    hop.tables = [level_table(labels, num_per_level)]
    # a first stage calls all classes 1, object
    named = [own.clamp(max=head.num_classes) for own in gt_labels]
    found = [owners(labels[i], matched[i], gt_bboxes[i], named[i]) for i in range(len(labels))]
    hop.tables.append(box_table(found, num_per_level, gt_bboxes, gt_labels, classes))
    without = sum(
        int((torch.bincount(own[own >= 0], minlength=len(boxes)) == 0).sum())
        for own, boxes in zip(found, gt_bboxes, strict=True)
    )
    total = sum(map(len, gt_bboxes))
    hop.notes = [f'{without} of {total} boxes got no prior at all: nothing is learnt from those']
    img = recorder.last('preprocessor').result
    pictures = views.input_pictures(img, metas, detector.data_preprocessor)
    sheet = [
        views.positives_picture(
            pictures[i],
            priors[own >= 0],
            own[own >= 0].tolist(),
            gt_bboxes[i],
            gt_labels[i],
            classes,
        )
        for i, own in enumerate(found[:4])
    ]
    hop.pictures = [
        (f'image {i}: the positive priors, in one colour for each box', picture)
        for i, picture in enumerate(sheet)
    ]
    return [hop]


def owners(labels: Tensor, matched: Tensor, gt_bboxes: Tensor, gt_labels: Tensor) -> Tensor:
    """Returns per prior (R,) the row of the box that it has to find; -1 for none.

    Of boxes that are equal in class and place the first one gets all.
    """
    same_box = (matched[:, None] == gt_bboxes[None]).all(dim=-1)
    same = same_box & (labels[:, None] == gt_labels[None]) & (labels[:, None] > 0)
    if not len(gt_labels):
        return labels.new_full(labels.shape, -1)
    return torch.where(same.any(dim=1), same.int().argmax(dim=1), -1)


def level_table(labels: Tensor, num_per_level: Sequence[int]) -> list[Sequence[Any]]:
    """Returns per level how many priors of the batch are positive, background and ignored."""
    rows: list[Sequence[Any]] = [('level', 'priors x images', 'positive', 'background', 'ignored')]
    for level, part in enumerate(labels.split(list(num_per_level), dim=1)):
        counts = [int(mask.sum()) for mask in (part > 0, part == 0, part < 0)]
        rows.append((level, part.numel(), *counts))
    return rows


def box_table(
    found: Sequence[Tensor],
    num_per_level: Sequence[int],
    gt_bboxes: Sequence[Tensor],
    gt_labels: Sequence[Tensor],
    classes: Sequence[str],
) -> list[Sequence[Any]]:
    """Returns per box how many priors became positive for it, in all and on each level.

    Args:
        found: per image, from `owners`.
        num_per_level: priors of each level.
        gt_bboxes, gt_labels: per image (g, 4) and (g,).
        classes: names.
    """
    levels = [f'level {level}' for level in range(len(num_per_level))]
    rows: list[Sequence[Any]] = [('image', 'box', 'class', 'w x h, px', 'positive', *levels)]
    for i, (own, boxes, names) in enumerate(zip(found, gt_bboxes, gt_labels, strict=True)):
        per_level = own.split(list(num_per_level))
        for j, ((x1, y1, x2, y2), label) in enumerate(
            zip(boxes.tolist(), names.tolist(), strict=True)
        ):
            counts = [int((part == j).sum()) for part in per_level]
            size = f'{x2 - x1:.0f} x {y2 - y1:.0f}'
            rows.append((i, j, classes[label - 1], size, sum(counts), *counts))
    return rows


def _loss_hops(recorder: Recorder, head: DenseHead) -> list[Hop]:
    call = recorder.last('loss_terms')
    if call is None:
        return []
    who = [f'{type(head).__name__}.loss_terms  {place(type(head).loss_terms)}']
    hop = Hop('11', 'The losses: scalars, one of each kind', who)
    _add_losses(hop, recorder, head, call.result)
    return [hop]


def _own_hops(recorder: Recorder, head: nn.Module) -> list[Hop]:
    """Row 11 of a head that has no priors."""
    call = recorder.last('loss')
    if call is None:
        return []
    name = type(head).__name__
    hop = Hop('11', f'The losses of {name}', [f'{name}.loss  {place(type(head).loss)}'])
    hop.notes = [
        f'{name} has no priors: from maps to losses it has a way of its own, without rows 8 to 10'
    ]
    _add_losses(hop, recorder, head, call.result)
    return [hop]


def _add_losses(
    hop: Hop, recorder: Recorder, head: nn.Module, losses: Mapping[str, Tensor]
) -> None:
    """Puts the values of a step into the hop, and a table of who computes them."""
    rows: list[Sequence[Any]] = [('loss', 'value', 'divided by (avg_factor)', 'who')]
    parts = losses_of(head)
    for name, value in losses.items():
        inner = recorder.last(name)
        factor = f'{_avg_factor(inner):.4g}' if inner and _avg_factor(inner) is not None else ''
        rows.append(
            (name, f'{value.item():.4f}', factor, called(parts[name]) if name in parts else '')
        )
    total, _ = parse_losses(losses)
    rows.append(('loss', f'{total.item():.4f}', '', f'parse_losses  {place(parse_losses)}'))
    hop.tables = [rows]
    hop.values = [describe(name, value) for name, value in losses.items()]


def _avg_factor(call: Any) -> float | None:
    """The third argument of every loss; for losses of another kind nothing is said."""
    value = call.kwargs.get('avg_factor', call.args[2] if len(call.args) > 2 else None)
    return float(value) if value is not None else None


def losses_of(head: nn.Module) -> dict[str, nn.Module]:
    parts = head.named_modules(remove_duplicate=False)
    # of two names of a loss the later one, which is that of its term
    names = {part: n for n, part in parts if n.startswith('loss_') and '.' not in n}
    return {n: part for part, n in names.items()}
