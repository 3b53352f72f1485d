"""Which ground-truth box each detection overlaps most, for a whole data set at once.

Letters: D detections and G ground-truth boxes of the whole data set, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmlite.evaluation.detections import flatten
from mmlite.support.arrays import runs

# (detection, ground truth) pairs looked at together: few enough for the processor's cache
_PAIRS_AT_ONCE = 50_000
_USUAL = (4,), True  # boxes are (g, 4), and as many as the labels


@dataclass(frozen=True)
class Overlaps:
    """Every detection with the ground-truth box that it overlaps most, before any threshold.

    Attributes:
        num_classes: C.
        det_class: (D,) class index from 0, ascending; falling scores within a class.
        best_iou: (D,) IoU with that box, 0 where the image has none of the class.
        best_gt: (D,) row of that box in the two arrays below, -1 where there is none.
        gt_class: (G,) class index from 0.
        gt_ignored: (G,) True for a box that is neither to be found nor held against a detection.
    """

    num_classes: int
    det_class: np.ndarray
    best_iou: np.ndarray
    best_gt: np.ndarray
    gt_class: np.ndarray
    gt_ignored: np.ndarray


def best_overlaps(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[Mapping[str, np.ndarray]],
    last_pixel: bool = True,
) -> Overlaps:
    """Finds for every detection the box that it overlaps most.

    Arguments and errors as of `eval_map`, and

    Args:
        last_pixel: boxes are in the devkit's pixels, the last one included: each is a pixel wider
            and higher than x2 - x1 and y2 - y1.
    """
    if len(det_results) != len(annotations):
        raise ValueError(
            f'det_results holds {len(det_results)} images, annotations {len(annotations)}'
        )
    found = flatten(det_results)
    det_class, num_classes = found.label - 1, found.num_classes
    _check_finite(found.rows, found.image, det_class, 'det_results')
    gt_image, gt_class, gt_ignored, gts = _flatten_annotations(annotations, num_classes)

    gt_group = gt_image * num_classes + gt_class
    gt_order = np.argsort(gt_group, kind='stable')
    gt_group, gt_class = gt_group[gt_order], gt_class[gt_order]
    gt_ignored, gts = gt_ignored[gt_order], gts[gt_order]

    det_group = found.image * num_classes + det_class
    best_iou, best_gt = _best_in_group(det_group, found.rows[:, :4], gt_group, gts, int(last_pixel))
    order = _by_class_and_score(det_class, found.rows[:, 4], num_classes)
    return Overlaps(
        num_classes, det_class[order], best_iou[order], best_gt[order], gt_class, gt_ignored
    )


def _by_class_and_score(cls: np.ndarray, scores: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the order (D,) of ascending classes and falling scores; ties keep their order.

    As np.lexsort((-scores, cls)) does, in a quarter of the time: numpy's unstable sort of floats is
    vectorised and its stable one is not, and integers of 16 bits it sorts by their digits.
    """
    order = np.argsort(-scores)
    ranked = scores[order]
    equal = ranked[1:] == ranked[:-1]
    tied = np.zeros(len(order), bool)
    tied[1:] = equal
    tied[:-1] |= equal
    rows = order[tied]
    order[tied] = rows[np.lexsort((rows, -scores[rows]))]
    return order[np.argsort(cls[order].astype(np.min_scalar_type(num_classes)), kind='stable')]


def _best_in_group(
    det_group: np.ndarray,
    det_boxes: np.ndarray,
    gt_group: np.ndarray,
    gt_boxes: np.ndarray,
    more: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (D,) IoU and (D,) row of the best box of the same group; the first of equals.

    Both `det_group` (D,) and `gt_group` (G,) ascend; a group is one class in one image. `more`:
    see `_paired_iou`.
    """
    best_iou = np.zeros(len(det_group))
    best_gt = np.full(len(det_group), -1)
    # few detections have a box of their group: those are looked up from the boxes' side
    groups, first_gt, num_gts = np.unique(gt_group, return_index=True, return_counts=True)
    first_det = np.searchsorted(det_group, groups, 'left')
    num_dets = np.searchsorted(det_group, groups, 'right') - first_det
    with_gts = runs(first_det, num_dets)
    start, count = np.repeat(first_gt, num_dets), np.repeat(num_gts, num_dets)
    det_sides = det_boxes[with_gts].T.astype(np.float64, order='C')
    gt_sides = np.ascontiguousarray(gt_boxes.T)
    for block in np.array_split(np.arange(len(with_gts)), count.sum() // _PAIRS_AT_ONCE + 1):
        if not len(block):
            continue
        # all pairs of the block in one row: each detection's run of boxes follows the last one's
        n = count[block]
        first_pair = np.cumsum(n) - n
        gt = runs(start[block], n)
        iou = _paired_iou(det_sides[:, np.repeat(block, n)], gt_sides[:, gt], more)
        best = np.maximum.reduceat(iou, first_pair)
        is_best = np.flatnonzero(iou == np.repeat(best, n))
        first_best = is_best[np.searchsorted(is_best, first_pair)]
        best_iou[with_gts[block]], best_gt[with_gts[block]] = best, gt[first_best]
    return best_iou, best_gt


def _paired_iou(a: np.ndarray, b: np.ndarray, more: int) -> np.ndarray:
    """Returns the (n,) IoU of column i of `a` with column i of `b`, both (4, n): x1, y1, x2, y2.

    The devkit's pixels are inclusive: a box from 3 to 3 is one pixel wide, hence `more` = 1.
    """
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]) + more
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]) + more
    inner = np.maximum(width, 0) * np.maximum(height, 0)
    area_a, area_b = ((x2 - x1 + more) * (y2 - y1 + more) for x1, y1, x2, y2 in (a, b))
    return inner / np.maximum(area_a + area_b - inner, 1e-6)  # inside-out boxes have odd areas


def _flatten_annotations(
    annotations: Sequence[Mapping[str, np.ndarray]], num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns image, class from 0, ignored (G,) and boxes (G, 4) float64; ignored boxes last."""
    unsaid = dict(bboxes_ignore=np.zeros((0, 4)), labels_ignore=np.zeros(0, np.int64))
    with_ignored = [unsaid if ann.get('labels_ignore') is None else ann for ann in annotations]
    parts = (
        _flatten_boxes(annotations, num_classes, ''),
        _flatten_boxes(with_ignored, num_classes, '_ignore'),
    )
    image, cls, boxes = map(np.concatenate, zip(*parts, strict=True))
    _check_finite(boxes, image, cls, 'annotations')
    return image, cls, np.repeat([False, True], [len(part[0]) for part in parts]), boxes


def _flatten_boxes(
    annotations: Sequence[Mapping[str, np.ndarray]], num_classes: int, suffix: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns image, class from 0 and boxes (n, 4) float64 of `bboxes` and `labels` + suffix."""
    pairs = [
        (np.asarray(ann.get('bboxes' + suffix)), np.asarray(ann.get('labels' + suffix)))
        for ann in annotations
    ]
    where = f"annotations[{{i}}]['labels{suffix}'] (image {{i}})"
    if {(boxes.shape[1:], boxes.shape[:1] == labels.shape) for boxes, labels in pairs} - {_USUAL}:
        pairs = [_checked(*pair, where.format(i=i)) for i, pair in enumerate(pairs)]
    boxes = np.concatenate([np.zeros((0, 4)), *(boxes for boxes, _ in pairs)]).astype(np.float64)
    labels = np.concatenate([np.zeros(0, np.int64), *(labels for _, labels in pairs)])
    image = np.repeat(np.arange(len(pairs)), [len(labels) for _, labels in pairs])
    outside = np.flatnonzero((labels < 1) | (labels > num_classes))
    if len(outside):
        raise ValueError(
            f'{where.format(i=image[outside[0]])}: labels 1..{num_classes} are expected '
            f'(0 is background), found class {labels[outside[0]]}'
        )
    return image, labels.astype(np.int64) - 1, boxes


def _checked(boxes: np.ndarray, labels: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    if not boxes.size and not labels.size:
        return np.zeros((0, 4)), np.zeros(0, np.int64)  # whatever their shapes, they hold nothing
    if boxes.ndim != 2 or boxes.shape[1] != 4 or labels.shape != (len(boxes),):
        raise ValueError(
            f'{where}: bboxes (g, 4) and labels (g,) are expected, found {boxes.shape} and '
            f'{labels.shape}'
        )
    return boxes, labels


def _check_finite(flat: np.ndarray, image: np.ndarray, cls: np.ndarray, name: str) -> None:
    finite = np.isfinite(flat)
    if finite.all():
        return
    bad = np.flatnonzero(~finite.all(axis=1))[0]
    raise ValueError(
        f'{name}: image {image[bad]}, class {cls[bad]} holds a number that is not finite: '
        f'{flat[bad].tolist()}'
    )
