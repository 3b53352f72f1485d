"""Sheets of images: a training batch as the model sees it, detections beside the ground truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms import inverse_transform
from mmlite.evaluation.results import result2bbox
from mmlite.parallel import unwrapped
from mmlite.support.arrays import evenly_spread
from mmlite.visualization.drawing import contact_sheet, draw_detections, draw_ground_truth
from mmlite.visualization.pictures import enlarged, read_picture

_SCORE_THR = 0.3
_IN_BATCH = 16  # images of a batch that are shown


def batch_sheet(data_batch: Mapping[str, Any], classes: Sequence[str]) -> np.ndarray:
    """Returns the images of a training batch with their boxes, ignored ones dashed.

    Args:
        data_batch: what the loader gave: `img`, `gt_bboxes`, `gt_labels`, `img_metas` and, where
            there are any, `gt_bboxes_ignore`, in DataContainers or not.
        classes: names of the labels.
    """
    batch = {key: unwrapped(value) for key, value in data_batch.items()}
    sheet = []
    for i, meta in enumerate(batch['img_metas'][:_IN_BATCH]):
        img, zoom = enlarged(inverse_transform(batch['img'][i], meta))
        boxes, labels = batch['gt_bboxes'][i], batch['gt_labels'][i]
        drawable = boxes.isfinite().all(dim=1)  # the others end the run, with a report of their own
        img = draw_detections(img, boxes[drawable] * zoom, labels[drawable], None, classes)
        if batch.get('gt_bboxes_ignore'):
            ignored = batch['gt_bboxes_ignore'][i].reshape(-1, 4)
            img = draw_ground_truth(img, ignored * zoom, [1] * len(ignored), ['ignored'])
        sheet.append(img)
    return contact_sheet(sheet, columns=4)


def beside_truth(dataset: Any, i: int, det: dict, score_thr: Any = _SCORE_THR) -> np.ndarray:
    """Returns image i twice: its ground truth on the left, the detections on the right.

    Args:
        dataset: the data set.
        i: index in it.
        det: bboxes (n, 4) in original pixels, labels (n,) 1..C, scores (n,).
        score_thr: lowest score drawn; a number, or (C,) one for each class.
    """
    truth = dataset.get_ann_info(i)
    img, zoom = enlarged(read_picture(dataset, i))
    left = draw_detections(img, truth['bboxes'] * zoom, truth['labels'], None, dataset.classes)
    ignored = truth['bboxes_ignore'] * zoom
    left = draw_ground_truth(left, ignored, [1] * len(ignored), ['ignored'])
    scores, labels = det['scores'], det['labels']
    kept = scores >= np.broadcast_to(score_thr, len(dataset.classes))[labels - 1]
    right = draw_detections(
        img, det['bboxes'][kept] * zoom, labels[kept], scores[kept], dataset.classes, score_thr=0
    )
    line = np.full((len(img), 8, 3), 255, np.uint8)
    return np.hstack([left, line, right])


def predictions_sheet(
    results: Sequence[Sequence[np.ndarray]], dataset: Any, on_sheet: int = 6
) -> np.ndarray:
    """Returns detections beside the ground truth of images taken evenly from the data set.

    Those of a score of 0.3 or more are shown, and of an image that has none the surest.
    """
    chosen = evenly_spread(len(results), on_sheet)
    sheet = []
    for i in chosen.tolist():
        det = result2bbox(results[i])
        threshold = min(_SCORE_THR, float(det['scores'].max(initial=0)))
        sheet.append(beside_truth(dataset, i, det, threshold))
    return contact_sheet(sheet, columns=2, cell=(640, 300))
