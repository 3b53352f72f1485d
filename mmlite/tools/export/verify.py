"""Does an exported file detect what the model does? Asked on real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from torch import nn
from torchvision.ops import box_iou

from mmlite.datasets.encoded_image import read_image
from mmlite.evaluation import evaluate_results
from mmlite.inference.apis import as_detections
from mmlite.inference.detections import Detections
from mmlite.support.progress import progress
from mmlite.tools.export.onnx_detector import OnnxDetector

SAME_IOU = 0.9  # boxes that overlap less are not two versions of one
_BATCH = 4


@dataclass(frozen=True)
class Verification:
    """PyTorch beside onnxruntime.

    Args:
        images, detections: how many were compared; the latter as PyTorch has them.
        unmatched: detections that only one of the two has, and the score of the best of them.
        bbox_difference, score_difference: the largest, in pixels of the image; of the same ones.
        metrics: per figure of the evaluator (PyTorch's, onnxruntime's).
    """

    images: int
    detections: int
    unmatched: int
    best_unmatched: float
    bbox_difference: float
    score_difference: float
    metrics: dict[str, tuple[float, float]]

    @property
    def metric_difference(self) -> float:
        """The largest difference of a figure."""
        return max((abs(a - b) for a, b in self.metrics.values()), default=0.0)


def verify(
    exported: OnnxDetector, detector: nn.Module, dataset: Any, metrics: Sequence[BaseMetric]
) -> Verification:
    """Runs both on every image of a data set, with the same input, and compares.

    Args:
        exported: the file.
        detector: the model it was exported from, in eval mode on the CPU.
        dataset: with records that name files.
        metrics: from `build_metrics`.
    """
    ours: list[Detections] = []
    theirs: list[Detections] = []
    for start in progress(range(0, len(dataset), _BATCH), 'comparing, batches'):
        inds = range(start, min(start + _BATCH, len(dataset)))
        imgs = [read_image(dataset.filename(i)) for i in inds]
        ours += _by_torch(detector, exported, imgs)
        theirs += exported(imgs)
    return _compared(ours, theirs, dataset, metrics)


@torch.inference_mode()
def _by_torch(
    detector: nn.Module, exported: OnnxDetector, imgs: Sequence[np.ndarray]
) -> list[Detections]:
    pictures, shapes, factors = zip(*map(exported.preprocessing, imgs), strict=True)
    metas = [
        dict(img_shape=(*shape, 3), scale_factor=factor)
        for shape, factor in zip(shapes, factors, strict=True)
    ]
    found = detector.predict(torch.from_numpy(np.stack(pictures)), metas, rescale=True)
    return [as_detections(det, exported.classes) for det in found]


def _compared(
    ours: Sequence[Detections],
    theirs: Sequence[Detections],
    dataset: Any,
    metrics: Sequence[BaseMetric],
) -> Verification:
    bbox, score, unmatched = [0.0], [0.0], [0.0]
    for one, other in zip(ours, theirs, strict=True):
        a, b = same_detections(one, other)
        bbox.append(np.abs(one.bboxes[a] - other.bboxes[b]).max(initial=0))
        score.append(np.abs(one.scores[a] - other.scores[b]).max(initial=0))
        unmatched += [*np.delete(one.scores, a), *np.delete(other.scores, b)]
    figures = [
        evaluate_results([det.to_lists() for det in dets], dataset, metrics)
        for dets in (ours, theirs)
    ]
    return Verification(
        len(ours),
        sum(map(len, ours)),
        len(unmatched) - 1,
        float(max(unmatched)),
        float(max(bbox)),
        float(max(score)),
        {key: (value, figures[1][key]) for key, value in figures[0].items()},
    )


def same_detections(one: Detections, other: Detections) -> tuple[np.ndarray, np.ndarray]:
    """Pairs detections of one class by their overlap; returns indices in the one and the other.

    Equal scores may change places, so order says nothing.
    """
    from scipy.optimize import linear_sum_assignment

    ious = box_iou(torch.from_numpy(one.bboxes), torch.from_numpy(other.bboxes)).numpy()
    ious[one.labels[:, None] != other.labels] = 0
    a, b = linear_sum_assignment(-ious)
    same = ious[a, b] >= SAME_IOU
    return a[same], b[same]
