"""What to write into a config so that the priors of its head fit the data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.models.heads.dense_head import DenseHead
from mmlite.ops.assigners import FCOSAssigner
from mmlite.ops.priors import AnchorGenerator, GridPriors, SSDAnchorGenerator
from mmlite.support.arrays import evenly_spread
from mmlite.tools.dataset_analysis.head import HeadOnGrid
from mmlite.tools.dataset_analysis.points import points_in_range, spread
from mmlite.tools.dataset_analysis.priors import center_distances, prior_grid, prior_sides
from mmlite.tools.dataset_analysis.splits import NetworkBoxes
from mmlite.tools.dataset_analysis.tied_kmeans import Boxes, TiedShapes, fit

MOST_BOXES = 4000  # that shapes are fitted to: more change the second digit at most
_PER_STRIDE = (2, 3, 4, 6, 8)  # 8 is the paper's: 64 pixels at stride 8
_INF = 1e8  # as mmdet writes it


def suggest(on_grid: HeadOnGrid, boxes: NetworkBoxes, thr: float) -> dict[str, Any] | None:
    """Returns what to merge into `model`; None where nothing better is found, or for other heads.

    Args:
        on_grid: the head.
        boxes: of the training set.
        thr: IoU from which a box counts as covered.
    """
    sample = _sample(boxes)
    head = on_grid.head
    if isinstance(head.assigner, FCOSAssigner):
        ranges = _fcos_ranges(on_grid, sample)
        if ranges is None or 'assigner' in (on_grid.cfg.get('train_cfg') or {}):
            return ranges and dict(train_cfg=dict(assigner=dict(regress_ranges=ranges)))
        return dict(bbox_head=dict(regress_ranges=ranges))
    cfg = on_grid.cfg[on_grid.name].get('anchor_generator')
    shapes = cfg and tied_shapes(head.prior_generator, cfg)
    if not shapes:
        return None
    numbers = fit(shapes, _boxes_to_fit(on_grid, sample, thr))
    if np.array_equal(numbers, shapes.start):
        return None
    write = _ssd_arguments if shapes.ascending else _retina_arguments
    return {on_grid.name: dict(anchor_generator=write(numbers, head.prior_generator, cfg))}


def tied_shapes(generator: GridPriors, cfg: Mapping) -> TiedShapes | None:
    """Returns how the shapes of a generator follow from its arguments; None if nobody knows."""
    if isinstance(generator, SSDAnchorGenerator):
        return _ssd_shapes(generator)
    if isinstance(generator, AnchorGenerator):
        return _retina_shapes(generator, cfg)
    return None


def _sample(boxes: NetworkBoxes) -> NetworkBoxes:
    """At most MOST_BOXES, spread evenly over the split."""
    rows = evenly_spread(len(boxes.labels), MOST_BOXES)
    return NetworkBoxes(boxes.bboxes[rows], boxes.labels[rows], boxes.size[rows])


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Returns weights (G,) that add up to 1; all classes weigh the same, as they do in mAP."""
    counts = np.bincount(labels)
    return 1 / counts[labels] / np.count_nonzero(counts)


def _boxes_to_fit(on_grid: HeadOnGrid, boxes: NetworkBoxes, thr: float) -> Boxes:
    generator = on_grid.head.prior_generator
    count = sum(generator.num_priors_per_location)
    distances = np.empty((len(boxes.labels), count, 2), np.float32)
    for size, rows in boxes.groups():
        grid = prior_grid(generator, on_grid.featmap_sizes(size))
        distances[rows] = center_distances(boxes.bboxes[rows], grid)
    return Boxes(boxes.sides.astype(np.float32), distances, class_weights(boxes.labels), thr)


def _ssd_shapes(generator: SSDAnchorGenerator) -> TiedShapes:
    """Numbers: of each level min_size and the side of the second square, then all ratios."""
    counts = generator.num_priors_per_location
    wh = prior_sides(generator)
    sizes = 2 * len(counts)
    total = sizes + sum((count - 2) // 2 for count in counts)
    matrix, start = np.zeros((len(wh), 2, total)), np.zeros(total)
    prior, ratio = 0, sizes
    for level, count in enumerate(counts):
        matrix[prior, :, 2 * level] = matrix[prior + 1, :, 2 * level + 1] = 1
        start[[2 * level, 2 * level + 1]] = np.log(wh[[prior, prior + 1], 0])
        for wide in range(prior + 2, prior + count, 2):  # the wide box, then the high one
            matrix[[wide, wide + 1], :, 2 * level] = 1
            matrix[[wide, wide + 1], :, ratio] = [[0.5, -0.5], [-0.5, 0.5]]
            start[ratio] = np.log(wh[wide, 0] / wh[wide, 1])
            ratio += 1
        prior += count
    return TiedShapes(matrix, np.log(wh) - matrix @ start, start, sizes, ascending=True)


def _ssd_arguments(numbers: np.ndarray, generator: GridPriors, cfg: Mapping) -> dict[str, Any]:
    counts = generator.num_priors_per_location
    values = np.exp(numbers)
    low, middle = values[: 2 * len(counts)].reshape(-1, 2).T
    # as a number and its inverse are the same pair of boxes
    ratios = iter(np.maximum(values, 1 / values)[2 * len(counts) :].round(2).tolist())
    return dict(
        min_sizes=low.round(2).tolist(),
        max_sizes=(middle**2 / low).round(2).tolist(),
        ratios=[sorted(next(ratios) for _ in range((count - 2) // 2)) for count in counts],
    )


def _retina_shapes(generator: AnchorGenerator, cfg: Mapping) -> TiedShapes:
    """Numbers: the scales, then the ratios."""
    scales = cfg.get('scales') or [
        cfg['octave_base_scale'] * 2 ** (i / cfg['scales_per_octave'])
        for i in range(cfg['scales_per_octave'])
    ]
    start = np.log([*scales, *cfg['ratios']])
    one = np.zeros((len(scales), len(cfg['ratios']), 2, len(start)))
    for i in range(len(scales)):
        one[i, :, :, i] = 1
    for j in range(len(cfg['ratios'])):
        one[:, j, :, len(scales) + j] = [-0.5, 0.5]  # h / w
    if cfg.get('scale_major', True):
        one = one.swapaxes(0, 1)
    matrix = np.tile(one.reshape(-1, 2, len(start)), (generator.num_levels, 1, 1))
    offset = np.log(prior_sides(generator)) - matrix @ start
    return TiedShapes(matrix, offset, start, len(scales), ascending=False)


def _retina_arguments(numbers: np.ndarray, generator: GridPriors, cfg: Mapping) -> dict[str, Any]:
    count = len(numbers) - len(cfg['ratios'])
    values = np.exp(numbers).round(2)
    replaced = [key for key in ('octave_base_scale', 'scales_per_octave') if cfg.get(key)]
    return dict(
        scales=sorted(values[:count].tolist()),
        ratios=sorted(values[count:].tolist()),
        **dict.fromkeys(replaced),
    )


def _fcos_ranges(on_grid: HeadOnGrid, boxes: NetworkBoxes) -> list[tuple[float, float]] | None:
    """Returns ranges up to a multiple of each stride, the boxes spread over the levels.

    The multiple whose levels share the boxes most evenly is taken, of those that leave no more
    boxes without a point than the config's own ranges.
    """
    own: FCOSAssigner = on_grid.head.assigner
    strides = [min(stride) for stride in on_grid.head.prior_generator.strides]
    candidates = [own.regress_ranges, *(_ranges(strides, times) for times in _PER_STRIDE)]
    weights = class_weights(boxes.labels)
    scores = []
    for ranges in candidates:
        assigner = FCOSAssigner(ranges, own.center_sampling, own.center_sample_radius)
        counts = points_in_range(on_grid, boxes, assigner)
        covered = float(weights @ counts.any(axis=1))
        shares = spread(counts)
        entropy = -sum(share * math.log(share) for share in shares if share)
        scores.append((covered, entropy))
    allowed = [i for i, score in enumerate(scores) if score[0] >= scores[0][0]]
    best = max(allowed, key=lambda i: scores[i][1])
    return None if best == 0 else [tuple(map(_whole, limits)) for limits in candidates[best]]


def _ranges(strides: Sequence[int], times: int) -> list[tuple[float, float]]:
    ends = [times * stride for stride in strides[:-1]]
    return list(zip([-1, *ends], [*ends, _INF], strict=True))


def _whole(limit: float) -> float:
    return limit if limit == _INF else int(limit)


def head_threshold(head: DenseHead) -> float:
    """The IoU from which the head's assigner takes a prior; 0.5 where it has no such number."""
    return getattr(head.assigner, 'pos_iou_thr', 0.5)
