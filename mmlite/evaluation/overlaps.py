"""Which ground-truth box each detection overlaps most, for a whole data set at once.

Letters: D detections and G ground-truth boxes of the whole data set, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

# (detection, ground truth) pairs looked at together: few enough for the processor's cache
_PAIRS_AT_ONCE = 50_000


@dataclass(frozen=True)
class Overlaps:
    """Every detection with the ground-truth box that it overlaps most; knows no threshold yet.

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
    det_results: Sequence[Sequence[np.ndarray]], annotations: Sequence[Mapping[str, np.ndarray]]
) -> Overlaps:
    """Finds for every detection the box that it overlaps most; arguments as of `eval_map`."""
    if len(det_results) != len(annotations):
        raise ValueError(
            f'det_results holds {len(det_results)} images, annotations {len(annotations)}'
        )
    num_classes = len(det_results[0]) if len(det_results) else 0
    det_image, det_class, dets = _flatten_detections(det_results, num_classes)
    gt_image, gt_class, gt_ignored, gts = _flatten_annotations(annotations, num_classes)

    det_order = np.lexsort((-dets[:, 4], det_class))  # stable, as every sort here
    det_image, det_class, dets = det_image[det_order], det_class[det_order], dets[det_order]
    gt_group = gt_image * num_classes + gt_class
    gt_order = np.argsort(gt_group, kind='stable')
    gt_group, gt_class = gt_group[gt_order], gt_class[gt_order]
    gt_ignored, gts = gt_ignored[gt_order], gts[gt_order]

    det_group = det_image * num_classes + det_class
    best_iou, best_gt = _best_in_group(det_group, dets[:, :4], gt_group, gts)
    return Overlaps(num_classes, det_class, best_iou, best_gt, gt_class, gt_ignored)


def _best_in_group(
    det_group: np.ndarray, det_boxes: np.ndarray, gt_group: np.ndarray, gt_boxes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (D,) IoU and (D,) row of the best box of the same group; the first of equals.

    `gt_group` (G,) ascends; a group is one class in one image.
    """
    start = np.searchsorted(gt_group, det_group, 'left')
    count = np.searchsorted(gt_group, det_group, 'right') - start
    best_iou = np.zeros(len(det_group))
    best_gt = np.full(len(det_group), -1)
    det_sides, gt_sides = np.ascontiguousarray(det_boxes.T), np.ascontiguousarray(gt_boxes.T)
    with_gts = np.flatnonzero(count)
    for block in np.array_split(with_gts, count.sum() // _PAIRS_AT_ONCE + 1):
        if not len(block):
            continue
        # all pairs of the block in one row: each detection's run of boxes follows the last one's
        n = count[block]
        run = np.cumsum(n) - n
        det = np.repeat(block, n)
        gt = np.arange(n.sum()) + np.repeat(start[block] - run, n)
        iou = _paired_iou(det_sides[:, det], gt_sides[:, gt])
        best_iou[block] = np.maximum.reduceat(iou, run)
        is_best = np.flatnonzero(iou == best_iou[det])
        _, first = np.unique(det[is_best], return_index=True)
        best_gt[block] = gt[is_best[first]]
    return best_iou, best_gt


def _paired_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns the (n,) IoU of column i of `a` with column i of `b`, both (4, n): x1, y1, x2, y2.

    The devkit's pixels are inclusive: a box from 3 to 3 is one pixel wide, hence the + 1.
    """
    width = np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]) + 1
    height = np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]) + 1
    inner = np.maximum(width, 0) * np.maximum(height, 0)
    area_a, area_b = ((x2 - x1 + 1) * (y2 - y1 + 1) for x1, y1, x2, y2 in (a, b))
    return inner / np.maximum(area_a + area_b - inner, 1e-6)  # inside-out boxes have odd areas


def _flatten_detections(
    det_results: Sequence[Sequence[np.ndarray]], num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns image (D,), class from 0 (D,) and the rows (D, 5) float64."""
    images, classes, arrays = [], [], []
    for i, per_class in enumerate(det_results):
        if len(per_class) != num_classes:
            raise ValueError(
                f'det_results[{i}]: image {i} has {len(per_class)} classes, image 0 {num_classes}'
            )
        for c, rows in enumerate(per_class):
            rows = np.asarray(rows)
            if not rows.size:
                continue
            if rows.ndim != 2 or rows.shape[1] != 5:
                raise ValueError(
                    f'det_results[{i}][{c}] (image {i}, class {c}): shape (k, 5) is expected, '
                    f'found {rows.shape}'
                )
            images.append(i)
            classes.append(c)
            arrays.append(rows)
    lengths = [len(rows) for rows in arrays]
    flat = np.concatenate([np.zeros((0, 5)), *arrays]).astype(np.float64)
    image = np.repeat(np.array(images, np.int64), lengths)
    cls = np.repeat(np.array(classes, np.int64), lengths)
    _check_finite(flat, image, cls, 'det_results')
    return image, cls, flat


def _flatten_annotations(
    annotations: Sequence[Mapping[str, np.ndarray]], num_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns image, class from 0, ignored (G,) and boxes (G, 4) float64; ignored boxes last."""
    parts = [(np.zeros((0, 4)), np.zeros(0, np.int64), 0, False)]
    for ignored, suffix in ((False, ''), (True, '_ignore')):
        for i, ann in enumerate(annotations):
            boxes, labels = ann.get('bboxes' + suffix), ann.get('labels' + suffix)
            if ignored and labels is None:
                continue
            boxes, labels = np.asarray(boxes), np.asarray(labels)
            if not boxes.size and not labels.size:
                continue
            _check_annotation(
                boxes, labels, num_classes, f"annotations[{i}]['labels{suffix}'] (image {i})"
            )
            parts.append((boxes, labels, i, ignored))
    all_boxes, all_labels, images, ignored = zip(*parts, strict=True)
    lengths = [len(labels) for labels in all_labels]
    image, cls = np.repeat(images, lengths), np.concatenate(all_labels).astype(np.int64) - 1
    flat = np.concatenate(all_boxes).astype(np.float64)
    _check_finite(flat, image, cls, 'annotations')
    return image, cls, np.repeat(ignored, lengths), flat


def _check_annotation(boxes: np.ndarray, labels: np.ndarray, num_classes: int, where: str) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4 or labels.shape != (len(boxes),):
        raise ValueError(
            f'{where}: bboxes (g, 4) and labels (g,) are expected, found {boxes.shape} and '
            f'{labels.shape}'
        )
    outside = labels[(labels < 1) | (labels > num_classes)]
    if len(outside):
        raise ValueError(
            f'{where}: labels 1..{num_classes} are expected (0 is background), found class '
            f'{outside[0]}'
        )


def _check_finite(flat: np.ndarray, image: np.ndarray, cls: np.ndarray, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(flat).all(axis=1))
    if len(bad):
        raise ValueError(
            f'{name}: image {image[bad[0]]}, class {cls[bad[0]]} holds a number that is not '
            f'finite: {flat[bad[0]].tolist()}'
        )
