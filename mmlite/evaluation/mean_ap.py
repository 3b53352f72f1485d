"""Mean average precision as the PASCAL VOC devkit counts it (VOCevaldet.m), without a loop per box.

Letters: D detections and G ground-truth boxes of the whole data set, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmlite.evaluation.overlaps import Overlaps, best_overlaps

EVAL_MODES = ('11points', 'area')


def eval_map(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[Mapping[str, np.ndarray]],
    iou_thr: float = 0.5,
    eval_mode: str = '11points',
) -> tuple[float, list[dict]]:
    """Computes the mean average precision of a data set's results.

    A detection belongs to the ground-truth box of its image and class that it overlaps most, if
    their IoU (with the devkit's inclusive pixels) is at least `iou_thr`. The first one by score
    is right, later ones are wrong; those that belong to an ignored box do not count at all.
    Equal scores keep the order of the images.

    Args:
        det_results: `det_results[i][c]` is (k, 5): x1, y1, x2, y2 in pixels, score; index c holds
            label c + 1.
        annotations: one dict an image: `bboxes` (g, 4) xyxy in pixels, `labels` (g,) 1..C, and,
            where there are any, `bboxes_ignore` and `labels_ignore` (VOC: the difficult objects).
        iou_thr: in (0, 1].
        eval_mode: '11points' (VOC2007) or 'area' (VOC2010 and later).

    Returns:
        mAP over the classes that have ground truth (0.0 if none has), and for each class a dict:
        `ap`, `num_gts` (ignored ones left out), `num_dets`, `recall` and `precision` (num_dets,)
        by falling score. A class without ground truth has `ap` 0.0.

    Raises:
        ValueError: names the image index and the class whose arrays cannot be used.
    """
    return mean_ap(best_overlaps(det_results, annotations), iou_thr, eval_mode)


def mean_ap(overlaps: Overlaps, iou_thr: float, eval_mode: str) -> tuple[float, list[dict]]:
    """`eval_map` at one more threshold, from overlaps that are computed already.

    Raises:
        ValueError: an unknown `eval_mode`, or `iou_thr` out of (0, 1].
    """
    if eval_mode not in EVAL_MODES:
        raise ValueError(f'eval_mode: one of {EVAL_MODES} is expected, found {eval_mode!r}')
    right, wrong = match_detections(overlaps, iou_thr)
    classes = np.arange(overlaps.num_classes)
    first_det = np.searchsorted(overlaps.det_class, classes, 'left')
    last_det = np.searchsorted(overlaps.det_class, classes, 'right')
    num_gts = np.bincount(overlaps.gt_class[~overlaps.gt_ignored], minlength=overlaps.num_classes)
    per_class = []
    for c in classes:
        dets = slice(first_det[c], last_det[c])
        num_right, num_wrong = np.cumsum(right[dets]), np.cumsum(wrong[dets])
        recall = num_right / max(num_gts[c], 1)
        precision = num_right / np.maximum(num_right + num_wrong, 1)
        per_class.append(
            dict(
                ap=average_precision(recall, precision, eval_mode),
                num_gts=int(num_gts[c]),
                num_dets=len(recall),
                recall=recall,
                precision=precision,
            )
        )
    counted = [result['ap'] for result in per_class if result['num_gts'] > 0]
    return (float(np.mean(counted)) if counted else 0.0), per_class


def match_detections(overlaps: Overlaps, iou_thr: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns two (D,) masks: right and wrong detections; in neither: those on an ignored box.

    Raises:
        ValueError: `iou_thr` is out of (0, 1].
    """
    if not 0 < iou_thr <= 1:
        raise ValueError(f'iou_thr: a number in (0, 1] is expected, found {iou_thr!r}')
    hit = overlaps.best_iou >= iou_thr
    ignored = np.zeros_like(hit)
    ignored[hit] = overlaps.gt_ignored[overlaps.best_gt[hit]]
    candidates = np.flatnonzero(hit & ~ignored)
    # detections are in order of falling score, so a box's first candidate is the one that gets it
    _, first = np.unique(overlaps.best_gt[candidates], return_index=True)
    right = np.zeros_like(hit)
    right[candidates[first]] = True
    return right, ~right & ~ignored


def average_precision(recall: np.ndarray, precision: np.ndarray, eval_mode: str) -> float:
    """Returns the average precision of one curve.

    Args:
        recall: (n,) in [0, 1], never falling.
        precision: (n,) at those recalls.
        eval_mode: '11points': the mean over recalls 0, 0.1, ..., 1 of the best precision at that
            recall or above; 'area': the area under that best precision.
    """
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    if eval_mode == 'area':
        return float(np.sum(np.diff(recall, prepend=0.0) * best_from_here))
    # 3 * 0.1 is a little above 0.3, so 3 boxes of 10 do not reach that point: so in the devkit
    points = np.searchsorted(recall, np.arange(11) * 0.1)
    return float(np.append(best_from_here, 0.0)[points].sum() / 11)
