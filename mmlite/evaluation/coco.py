"""COCO's average precision and recall, by faster-coco-eval (equal to pycocotools, and faster).

Detections and ground truth are matched once, image by image and class by class; every figure is a
mean over parts of the same table. T IoU thresholds, C classes, A area ranges, M numbers of
detections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster

from mmlite.evaluation.detections import FlatDetections, flatten
from mmlite.support.collector import collector_paused

IOU_THRS = tuple(np.linspace(0.5, 0.95, 10))
AREA_RANGES = dict(all=(0.0, 1e10), s=(0.0, 32.0**2), m=(32.0**2, 96.0**2), l=(96.0**2, 1e10))
MAX_DETS = (1, 10, 100)


@dataclass(frozen=True)
class CocoTables:
    """The values whose means are the figures; -1 where a class has no object.

    Attributes:
        precision: (T, 101, C, A, M), at recall 0, 0.01, ..., 1.
        recall: (T, C, A, M), the largest reached.
        iou_thrs, area_ranges, max_dets: what the axes stand for.
    """

    precision: np.ndarray
    recall: np.ndarray
    iou_thrs: tuple[float, ...]
    area_ranges: tuple[str, ...]
    max_dets: tuple[int, ...]

    def ap(
        self,
        iou_thr: float | None = None,
        area: str = 'all',
        label: int | None = None,
        max_dets: int = 100,
    ) -> float:
        """Returns the average precision, -1 where there is no object to find.

        Args:
            iou_thr: one threshold; None for the mean over all.
            area: a key of the area ranges.
            label: one class, 1..C; None for the mean over all.
            max_dets: detections that count in an image.
        """
        table = self.precision[
            self._iou(iou_thr), :, self._label(label), self.area_ranges.index(area),
            self.max_dets.index(max_dets),
        ]  # fmt: skip
        return _mean(table)

    def ar(self, area: str = 'all', label: int | None = None, max_dets: int = 100) -> float:
        """Returns the average recall over all IoU thresholds; arguments as `ap`."""
        table = self.recall[
            :, self._label(label), self.area_ranges.index(area), self.max_dets.index(max_dets)
        ]
        return _mean(table)

    def _iou(self, iou_thr: float | None) -> slice | np.ndarray:
        if iou_thr is None:
            return slice(None)
        return np.isclose(self.iou_thrs, iou_thr)

    @staticmethod
    def _label(label: int | None) -> slice:
        return slice(None) if label is None else slice(label - 1, label)


def coco_tables(
    results: Sequence[Sequence[np.ndarray]],
    truths: Sequence[dict[str, np.ndarray]],
    iou_thrs: Sequence[float] = IOU_THRS,
    area_ranges: Mapping[str, tuple[float, float]] = AREA_RANGES,
    max_dets: Sequence[int] = MAX_DETS,
    image_ranks: Sequence[int] | None = None,
) -> CocoTables:
    """Matches detections with the ground truth.

    Args:
        results: (n_imgs)(n_class)(k, 5): x1, y1, x2, y2, score.
        truths: for each image xywh (g, 4) float64, labels (g,) 1..C, areas (g,) and crowd (g,).
        iou_thrs: T thresholds.
        area_ranges: (least, greatest) area in square pixels by name.
        max_dets: M numbers of detections, ascending.
        image_ranks: (n_imgs,) place of each image in the order of the ids, by which COCO's code
            ranks equal scores; None for the order in which they are given.
    """
    dets = flatten(results)
    ranks = np.arange(len(truths)) if image_ranks is None else np.asarray(image_ranks, np.int64)
    with collector_paused():
        dataset = _dataset(truths, ranks, dets.num_classes)
        truth, found = COCO(dataset), COCO(_detected(dets, ranks, dataset))
    evaluation = COCOeval_faster(truth, found, iouType='bbox')
    evaluation.params.iouThrs = np.array(iou_thrs)
    evaluation.params.areaRng = [list(limits) for limits in area_ranges.values()]
    evaluation.params.areaRngLbl = list(area_ranges)
    evaluation.params.maxDets = list(max_dets)
    evaluation.evaluate()
    evaluation.accumulate()
    return CocoTables(
        np.asarray(evaluation.eval['precision']),
        np.asarray(evaluation.eval['recall']),
        tuple(iou_thrs),
        tuple(area_ranges),
        tuple(max_dets),
    )


def _dataset(truths: Sequence[dict[str, np.ndarray]], ranks: np.ndarray, num_classes: int) -> dict:
    annotations = []
    for image, truth in zip(ranks.tolist(), truths, strict=True):
        rows = zip(
            truth['xywh'].tolist(), truth['labels'].tolist(), truth['areas'].tolist(),
            truth['crowd'].tolist(), strict=True,
        )  # fmt: skip
        for bbox, label, area, crowd in rows:
            annotations.append(
                dict(
                    id=len(annotations) + 1,  # 0 means no match to COCO's own code
                    image_id=image,
                    category_id=label,
                    bbox=bbox,
                    area=area,
                    iscrowd=int(crowd),
                )
            )
    return dict(
        images=[dict(id=image) for image in ranks.tolist()],
        annotations=annotations,
        categories=[dict(id=label, name=str(label)) for label in range(1, num_classes + 1)],
    )


def _detected(dets: FlatDetections, ranks: np.ndarray, dataset: dict) -> dict:
    """Returns what `COCO.loadRes` makes of the detections, without what only masks need."""
    xywh = dets.rows[:, :4].astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    rows = zip(
        ranks[dets.image].tolist(), dets.label.tolist(), xywh.tolist(),
        xywh[:, 2:].prod(axis=1).tolist(), dets.rows[:, 4].tolist(), strict=True,
    )  # fmt: skip
    annotations = [
        dict(id=number, image_id=image, category_id=label, bbox=bbox, area=area, score=score)
        for number, (image, label, bbox, area, score) in enumerate(rows, 1)
    ]
    return {**dataset, 'annotations': annotations}


def _mean(table: np.ndarray) -> float:
    counted = table[table > -1]
    return float(counted.mean()) if counted.size else -1.0
