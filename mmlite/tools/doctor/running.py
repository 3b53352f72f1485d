"""Checks that run things: the metric on the truth, a step, an evaluation, a training in small."""

from __future__ import annotations

import copy
import math
import time
from typing import Any

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper, build_optim_wrapper
from torch import nn

from mmlite.engine.prepare_model import for_one_process, prepared_optim_wrapper
from mmlite.engine.step import train_step
from mmlite.evaluation import build_metrics, evaluate_results
from mmlite.evaluation.results import bbox2result
from mmlite.parallel import MMDataParallel, collate, unwrapped
from mmlite.parallel.model_wrapper import parse_losses
from mmlite.support.words import counted
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, skipped, warning
from mmlite.tools.doctor.heads import levels_without_objects
from mmlite.tools.doctor.schedule import span_of

_PERFECT, _NEARLY = 0.999, 0.95  # mAP of the truth; twice the same box costs a little
_STEPS, _WARM_UP = 60, 10  # of the training in small
# the loss in shares of the first one: where it stops, and what it has to reach. FCOS' centerness
# has more than half of its first loss left even where all is learnt
_LEARNT, _FELL = 0.3, 0.5
_HUGE = 1e3  # a first loss that no recipe has
_OUTSIDE = 1.0  # px that a detection may lie beyond its image


def ground_truth(context: Context) -> list[Finding]:
    """Feeds the metrics what they ask for."""
    dataset = context.val
    if dataset is None:
        return [skipped('there is no validation')]
    results = [_as_results(dataset.get_ann_info(i), dataset) for i in range(len(dataset))]
    figures = _figures(context, results)
    headline = {name: value for name, value in figures.items() if name.endswith('mAP')}
    if not headline:
        return [skipped(f'no metric gives a mAP; there are {", ".join(figures) or "no figures"}')]
    name, value = next(iter(headline.items()))
    evidence = f'{name} of the ground truth of {len(dataset)} images is {value:.4f}'
    change = 'the annotations (objects twice? more than the metric counts?), or the metric'
    if value >= _PERFECT:
        return [ok(evidence)]
    return [(warning if value >= _NEARLY else error)(f'{evidence}, and has to be 1', change)]


def _as_results(ann: dict[str, np.ndarray], dataset: Any) -> list[np.ndarray]:
    """The boxes of an image as its detections, each with the score 1."""
    return bbox2result(dict(ann, scores=np.ones(len(ann['labels']))), len(dataset.classes))


def _figures(context: Context, results: list[list[np.ndarray]]) -> dict[str, float]:
    evaluator = 'val_evaluator' if context.cfg.get('val_dataloader') else 'test_evaluator'
    metrics = build_metrics(context.cfg[evaluator], at=evaluator)
    return evaluate_results(results, context.val, metrics)


def step(context: Context) -> list[Finding]:
    """Forward and backward, of one batch after the other until every part has got a gradient."""
    model, reached = _model(context), Reached()
    for number, batch in enumerate(context.train_sample_batches(), 1):
        started = time.monotonic()
        model.zero_grad()
        total, values = parse_losses(model(**collate(copy.deepcopy(batch)), return_loss=True))
        total.backward()
        seconds = time.monotonic() - started
        if number == 1:
            context.step_seconds = seconds
            shown = ', '.join(f'{name} {value.item():.4g}' for name, value in values.items())
            evidence = f'{shown}; {seconds:.2g} s for {len(batch)} images, '
            evidence += _epoch_time(context, seconds / len(batch))
        if not math.isfinite(total.item()):
            change = 'the boxes (no area?), the coder, or mean and std; tools/replay.py says where'
            return [error(f'the loss of batch {number} is not finite: {evidence}', change)]
        if total.item() > _HUGE:
            change = 'how the head is drawn; normalisation'
            return [warning(f'the loss of batch {number} is huge: {evidence}', change)]
        reached.add(model.module)
        if not reached.still_zero or context.seconds_left() < seconds:
            break
    looked_at = f'in {counted(number, "batch")} of {len(batch)} images'
    return _gradients(reached, looked_at, evidence, context)


def _epoch_time(context: Context, seconds: float) -> str:
    """Says how long the training takes from the seconds that one image takes."""
    length = span_of(context)
    size = context.cfg.train_dataloader.get('batch_size', 1)
    hours = seconds * length.iterations * size / 3600
    return f'{length} take {hours:.2g} hours here, loading not counted'


class Reached:
    """Which parameters of a detector have got gradients in at least one of several batches."""

    def __init__(self) -> None:
        self.parts: set[str] = set()  # that are trained
        self.connected: set[str] = set()  # parameters that a loss depends on
        self.learning: set[str] = set()  # parts with a gradient that is not 0
        self.infinite: list[str] = []
        self.unconnected: list[str] = []

    def add(self, detector: nn.Module) -> None:
        """Looks at the gradients of one batch."""
        trained = {name: p for name, p in detector.named_parameters() if p.requires_grad}
        grads = {name: p.grad for name, p in trained.items() if p.grad is not None}
        self.parts = {name.split('.')[0] for name in trained}
        self.connected |= grads.keys()
        self.learning |= {name.split('.')[0] for name, grad in grads.items() if grad.any()}
        self.infinite += [name for name, grad in grads.items() if not grad.isfinite().all()]
        self.unconnected = [name for name in trained if name not in self.connected]

    @property
    def cut_off(self) -> list[str]:
        """The parts without a parameter that a loss depends on."""
        return sorted(self.parts - {name.split('.')[0] for name in self.connected})

    @property
    def still_zero(self) -> list[str]:
        """The parts that a loss depends on, whose gradients were all 0 so far."""
        return sorted(self.parts - self.learning - set(self.cut_off))


def _gradients(reached: Reached, looked_at: str, evidence: str, context: Context) -> list[Finding]:
    if reached.infinite:
        found = f'{len(reached.infinite)} gradients are not finite, such as that of '
        change = 'the loss; tools/replay.py shows the layers of such a step'
        return [error(found + reached.infinite[0], change)]
    if reached.cut_off:
        found = f'no loss depends on {", ".join(reached.cut_off)} {looked_at}'
        return [error(found, 'a detach(), no_grad() or argmax() on the way to it?')]
    if reached.still_zero:
        names = ', '.join(reached.still_zero)
        empty = levels_without_objects(context)
        if not empty:
            found = f'the gradients of {names} are 0 {looked_at}: it learns nothing'
            return [error(found, 'weights of the losses (loss_weight), or a dead activation')]
        numbers = ', '.join(map(str, empty))
        evidence += f'\nthe gradients of {names} are 0 {looked_at}: no object has a prior in '
        return [ok(f'{evidence}level {numbers}, and the hardest background is in the others')]
    if reached.unconnected:
        found = f'{len(reached.unconnected)} parameters take no part in the loss {looked_at}, '
        change = 'leave the layer out; in several processes find_unused_parameters=True'
        return [warning(f'{found}such as {reached.unconnected[0]}', change)]
    return [ok(evidence)]


def evaluation(context: Context) -> list[Finding]:
    """Detects in FEW images and evaluates; the others count as images without detections."""
    if context.val is None:
        return [skipped('there is no validation')]
    model = _model(context).eval()
    with torch.inference_mode():
        detections = model.val_step(context.val_batch())
    results = [_as_results(_NOTHING, context.val) for _ in range(len(context.val))]
    count = outside = 0
    for det, sample in zip(detections, context.val_samples, strict=True):
        meta = unwrapped(sample['img_metas'])
        det = {key: value.cpu().numpy() for key, value in det.items()}
        height, width = meta['ori_shape'][:2]
        limits = np.array([width, height] * 2) + _OUTSIDE
        beyond = (det['bboxes'] > limits) | (det['bboxes'] < -_OUTSIDE)
        outside += int(beyond.any(axis=1).sum())
        count += len(det['bboxes'])
        results[meta['img_id']] = bbox2result(det, len(context.val.classes))
    figures = _figures(context, results)
    shown = ', '.join(f'{name} {value:.3g}' for name, value in list(figures.items())[:3])
    evidence = f'{count} detections in {len(detections)} images, before any training; {shown}'
    if outside:
        evidence = f'{outside} lie beyond their image of {evidence}'
        return [error(evidence, 'scale_factor of the test pipeline, or the clipping of the coder')]
    return [ok(evidence)]


_NOTHING = dict(bboxes=np.zeros((0, 4)), labels=np.zeros(0, np.int64))


def overfit(context: Context) -> list[Finding]:
    """Trains on one batch of FEW images, with the config's optimiser after a short warm-up."""
    estimate = (context.step_seconds or 0) * _WARM_UP
    if estimate > context.seconds_left():
        reason = f'{_WARM_UP} steps take {estimate:.0f} s, {context.seconds_left():.0f} s are left'
        return [skipped(reason, '--full takes the time')]
    losses = _losses(context)
    evidence = f'the loss on {len(context.train_samples)} images went from {losses[0]:.3g} '
    evidence += f'to {losses[-1]:.3g} in {len(losses)} steps'
    if not losses[-1] < losses[0]:
        return [error(evidence, 'a lower learning rate; else labels, boxes, normalisation, loss')]
    if losses[-1] <= _FELL * losses[0]:
        return [ok(evidence)]
    if len(losses) < _STEPS:
        return [skipped(f'{evidence}, then time was over', '--full takes the time')]
    return [warning(evidence, 'a higher learning rate, pretrained weights, or norm layers')]


def _losses(context: Context) -> list[float]:
    """Returns the loss of each step until it is low, is no number, or time or steps are over."""
    model = _model(context)
    optim_wrapper = _optim_wrapper(context, model)
    rates = [group['lr'] for group in optim_wrapper.param_groups]
    losses: list[float] = []
    for number in range(_STEPS):
        for group, rate in zip(optim_wrapper.param_groups, rates, strict=True):
            group['lr'] = rate * min(1, (number + 1) / _WARM_UP)
        losses.append(train_step(model, context.train_batch(), optim_wrapper)['loss'].item())
        is_over = context.seconds_left() < 0 and number + 1 >= _WARM_UP
        if is_over or not math.isfinite(losses[-1]) or losses[-1] < _LEARNT * losses[0]:
            break
    return losses


def _model(context: Context) -> MMDataParallel:
    """A copy of the detector with its first weights, in training mode on its device."""
    detector = copy.deepcopy(context.weighted).train()
    return for_one_process(detector, context.cfg.get('gpu_ids'))


def _optim_wrapper(context: Context, model: nn.Module) -> OptimWrapper:
    cfg = prepared_optim_wrapper(context.checked_cfg.optim_wrapper)
    return build_optim_wrapper(model, ConfigDict(cfg, accumulative_counts=1))
