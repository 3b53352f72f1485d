"""Checks of the head against the objects: priors, coder and post-processing.

g boxes in an image, R priors over all levels, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from terminaltables import AsciiTable
from torch import Tensor, nn
from torchvision.ops import box_iou

from mmlite.datasets.bad_items import leaves
from mmlite.engine.parts import MissingPartError
from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, head_with_priors
from mmlite.ops.assigners import MaxIoUAssigner, chunks
from mmlite.ops.assignment import as_assignment
from mmlite.parallel import unwrapped
from mmlite.support.arrays import evenly_spread
from mmlite.tools.dataset_analysis.confirm import try_suggestion
from mmlite.tools.dataset_analysis.splits import read_splits
from mmlite.tools.doctor.context import Context, samples
from mmlite.tools.doctor.finding import Finding, error, ok, percent, skipped, warning

_IMAGES = 64  # of the training, unless all are looked at
_LIMITS = dict(small=32.0, medium=96.0, large=float('inf'))  # px: COCO's, but in the input
_COVERED, _COVERED_CLASS = 0.5, 0.3  # shares below which a recipe cannot work well
_HOPELESS = 0.2  # IoU: a square prior of more than twice the side of its object has less
_ENOUGH = 10  # objects of a class that say something about it
_EXACT = 1.0  # px; the legacy coder is half a pixel off to each side by design
_KEPT, _SURELY_KEPT = 0.7, 0.9  # of the objects, by NMS: some that overlap are lost by design
_OTHER_INPUT = 'another input size (Resize in both pipelines), or a finer level'
_SCORE_THR = 0.3  # that drawn boxes may have, and a test may not
_IOU = 0.9  # from which a detection is the object itself


_NOTHING_LEFT = skipped(
    'no object of the images looked at comes through the pipeline and gets a prior',
    'what the checks boxes and annotations say',
)


class Example(NamedTuple):
    """An image of the training and what the assigner makes of it.

    `assigned` (R,) is the index of a box, BACKGROUND or IGNORE; `pad_shape` (H, W) the input.
    """

    gt_bboxes: Tensor
    gt_labels: Tensor
    priors: Tensor
    num_per_level: list[int]
    assigned: Tensor
    img_meta: dict


def _head(context: Context) -> DenseHead:
    try:
        return head_with_priors(context.checked_detector, 'this check')
    except ConfigError as without_priors:
        raise MissingPartError(str(without_priors)) from None


def examples(context: Context) -> Iterator[Example]:
    """Yields images of the training as the head gets them, those without objects left out."""
    head, sizes = _head(context), context.featmap_sizes
    if head.assigner is None:
        raise ConfigError("model.train_cfg: training needs the key 'assigner'")
    if getattr(head.assigner, 'needs_predictions', False):
        raise MissingPartError(
            f'model.train_cfg.assigner: {type(head.assigner).__name__} compares what the network '
            'predicts, so which prior is for which object changes with every step; '
            'tools/explain.py shows it for one (row 10)'
        )
    divisor = getattr(context.checked_detector.data_preprocessor, 'pad_size_divisor', 1)
    inds = context.with_objects()
    count = len(inds) if context.full else _IMAGES
    for i in (inds[place] for place in evenly_spread(len(inds), count)):
        (sample,) = samples(context.train, [i])  # all at once may be more than there is memory for
        bboxes, labels = (unwrapped(sample[key]) for key in ('gt_bboxes', 'gt_labels'))
        if not len(bboxes):
            continue
        meta = unwrapped(sample['img_metas'])
        padded = [-(-side // divisor) * divisor for side in meta['pad_shape'][:2]]
        priors, num_per_level = head.prior_generator(sizes(*padded), bboxes)
        found = head.assigner(priors, num_per_level, bboxes, None)
        assigned = as_assignment(found).indices
        yield Example(bboxes, labels, priors, num_per_level, assigned, meta)


def priors(context: Context) -> list[Finding]:
    """Whether each object has a prior that finds it well enough, by class and by size."""
    assigner = _head(context).assigner
    by_iou = isinstance(assigner, MaxIoUAssigner)
    fits, labels, sides, levels = [], [], [], []
    for example in examples(context):
        if by_iou:
            fit = _best_iou(example, assigner)
        else:
            fit = torch.isin(torch.arange(len(example.gt_bboxes)), example.assigned).float()
        wh = example.gt_bboxes[:, 2:] - example.gt_bboxes[:, :2]
        fits.append(fit.numpy())
        labels.append(example.gt_labels.numpy())
        sides.append(wh.clamp(min=0).prod(dim=1).sqrt().numpy())
        levels.append(_positives(example))
    if not fits:
        return [_NOTHING_LEFT]
    fits, labels, sides = map(np.concatenate, (fits, labels, sides))
    positives = np.sum(levels, axis=0)
    covered = fits >= (assigner.pos_iou_thr if by_iou else 1)
    what = f'an IoU of {assigner.pos_iou_thr:g}' if by_iou else 'a prior assigned to it'
    table, low = _coverage(covered, labels, sides, context.train.classes)
    evidence = f'{percent(int(covered.sum()), len(covered))} objects have {what}, each '
    evidence += f'{positives.sum() / len(covered):.1f} positive priors\n'
    evidence += f'{_by_level(positives)} ({len(levels)} images)\n{table}'
    if covered.mean() >= _COVERED and not low:
        return [ok(evidence)]
    evidence += f'\nlittle of {", ".join(low)}' if low else ''
    # every object takes its best prior, so a poor one is learnt slowly, a hopeless one not at all
    hopeless = covered.mean() < _COVERED and np.median(fits) < _HOPELESS
    return [(error if hopeless else warning)(evidence, _other_priors(context))]


def _positives(example: Example) -> list[int]:
    """Returns how many priors of each level have an object."""
    levels = (example.assigned >= 0).split(list(example.num_per_level))
    return [int(level.sum()) for level in levels]


def _by_level(positives: np.ndarray) -> str:
    shares = positives / max(positives.sum(), 1)
    said = [f'{i}: {share:.0%}' if share else f'{i}: none' for i, share in enumerate(shares)]
    return f'positive priors by level: {", ".join(said)}'


def levels_without_objects(context: Context) -> list[int]:
    """Returns the levels whose priors get no object of the images that are looked at."""
    try:
        positives = np.sum([_positives(example) for example in examples(context)], axis=0)
    except MissingPartError:
        return []
    return np.flatnonzero(np.atleast_1d(positives) == 0).tolist()


def _other_priors(context: Context) -> str:
    """Priors that validation confirms, as lines to copy; else what could be changed."""
    if not leaves(context.train) or (context.val is not None and not leaves(context.val)):
        return _OTHER_INPUT  # a data set of a plugin, whose records are not read
    splits, transforms = read_splits(context.cfg)
    trial = try_suggestion(context.cfg, {split.name: split for split in splits}, transforms)
    if trial.confirmed:
        return f'{trial}:\n{trial.snippet.strip()}'
    return f'{_OTHER_INPUT}. {trial}'


def _best_iou(example: Example, assigner: MaxIoUAssigner) -> Tensor:
    priors = (example.priors, example.num_per_level)
    best = [
        assigner.overlaps(bboxes, *priors).amax(dim=1)
        for _, bboxes in chunks(example.gt_bboxes, len(example.priors))
    ]
    return torch.cat(best)


def _coverage(
    covered: np.ndarray, labels: np.ndarray, sides: np.ndarray, classes: tuple[str, ...]
) -> tuple[str, list[str]]:
    """Returns a table of classes by sizes, and the names of classes that are hardly covered."""
    size = np.searchsorted(list(_LIMITS.values()), sides, side='right')
    rows, low = [['class', *_LIMITS, 'all']], []
    for label, name in enumerate(classes, 1):
        own = labels == label
        cells = [_cell(covered[own & (size == index)]) for index in range(len(_LIMITS))]
        rows.append([name, *cells, _cell(covered[own])])
        if own.sum() >= _ENOUGH and covered[own].mean() < _COVERED_CLASS:
            low.append(name)
    shown = rows if len(rows) <= 22 else [*rows[:21], ['...', '', '', '', '']]
    return AsciiTable(shown).table, low


def _cell(covered: np.ndarray) -> str:
    return f'{covered.mean():.0%} of {len(covered)}' if len(covered) else ''


def coder(context: Context) -> list[Finding]:
    """A head that predicts just what it is trained for: are the objects what comes out?"""
    head, judge = _head(context), context.checked_detector.classifier
    worst, wanted, found = 0.0, 0, 0
    for example in examples(context):
        pos = example.assigned >= 0
        if not pos.any():
            continue
        matched = example.gt_bboxes[example.assigned[pos]]
        deltas = head.bbox_coder.encode(example.priors[pos], matched)
        decoded = head.bbox_coder.decode(example.priors[pos], deltas)
        worst = max(worst, (decoded - matched).abs().nan_to_num(float('inf')).max().item())
        if judge is not head:
            continue  # what the first stage finds, the second judges by its pixels
        has_prior = example.assigned[pos].unique()
        wanted += len(has_prior)
        found += int(_detected(head, example, pos, deltas)[has_prior].sum())
    if not wanted and judge is head:
        return [_NOTHING_LEFT]
    exact = f'decode(encode(gt)) is at most {worst:.2g} px off'
    if worst > _EXACT:
        change = 'encode and decode of model.bbox_head.bbox_coder: they are not inverse'
        return [error(exact, change)]
    if judge is not head:
        return [ok(exact), *_thresholds(context, judge)]
    evidence = f'a perfect prediction leaves {percent(found, wanted)} objects after NMS'
    if found < _SURELY_KEPT * wanted:
        verdict = error if found < _KEPT * wanted else warning
        lost = verdict(evidence, f'model.test_cfg: {_limits(head)}')
        return [ok(exact), *_thresholds(context, head), lost]
    return _thresholds(context, head) or [ok(f'{exact}; {evidence}')]


def _thresholds(context: Context, head: nn.Module) -> list[Finding]:
    """Limits of post-processing that cost average precision whatever is predicted."""
    findings, cfg = [], head.test_cfg
    nms = cfg['nms']
    least = {'score_thr': cfg['score_thr'], 'nms.min_score': nms.get('min_score', 0)}
    for key, limit in least.items():
        if limit > _SCORE_THR:
            evidence = f'{key}={limit}: detections below it are left out, and average precision '
            evidence += 'counts what is found at low scores too'
            findings.append(warning(evidence, f'{_test_cfg(head)}.{key}=0.05'))
    if context.val is None:
        return findings
    counts = [len(context.val.get_ann_info(i)['labels']) for i in range(len(context.val))]
    for key, limit in {'max_per_img': cfg['max_per_img'], 'nms.max_num': nms['max_num']}.items():
        if limit > 0 and (more := sum(count > limit for count in counts)):
            evidence = f'{key}={limit}: {percent(more, len(counts))} images of the validation '
            evidence += f'have more objects, up to {max(counts)}'
            findings.append(warning(evidence, f'{_test_cfg(head)}.{key}={2 * max(counts)}'))
    return findings


def _test_cfg(head: nn.Module) -> str:
    """Returns where a config has the post-processing of a head."""
    return 'model.test_cfg' if isinstance(head, DenseHead) else 'model.test_cfg.rcnn'


def _limits(head: nn.Module) -> str:
    """Returns what post-processing leaves out by, as it is set."""
    names = ('score_thr', 'nms_pre', 'nms', 'max_per_img', 'min_bbox_size')
    return ', '.join(f'{name}={head.test_cfg[name]}' for name in names)


def _detected(head: nn.Module, example: Example, pos: Tensor, deltas: Tensor) -> Tensor:
    """Returns (g,) bool: the objects that post-processing finds in a perfect prediction."""
    count = len(example.priors)
    scores = deltas.new_zeros(count, head.num_classes)
    scores[pos, example.gt_labels[example.assigned[pos]] - 1] = 1
    bbox_pred = deltas.new_zeros(count, deltas.shape[1])
    bbox_pred[pos] = deltas
    levels, meta = example.num_per_level, example.img_meta
    dets = head.detect(scores, bbox_pred, None, example.priors, levels, meta, rescale=False)
    same = dets['labels'] == example.gt_labels[:, None]
    ious = box_iou(example.gt_bboxes, dets['bboxes'])
    return ((ious > _IOU) & same).any(dim=1)
