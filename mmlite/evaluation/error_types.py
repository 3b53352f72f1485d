"""What each detection of a data set is: right, or which kind of error (TIDE, Bolya et al. 2020).

Letters: D detections and G ground-truth boxes of the whole data set, d and g those of one image,
C classes. IoUs are without the VOC devkit's inclusive pixels, as in TIDE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import torch
from torchvision.ops import box_iou

from mmlite.evaluation.detections import flatten
from mmlite.ops.boxes import box_iof


class Kind(IntEnum):
    """What a detection is; t is the IoU threshold of a hit, b that of the background.

    RIGHT found a box. IGNORED is not right, but t of it lies in an ignored box of its class.
    LOCALISATION: its best box of its class has an IoU in [b, t).
    CLASSIFICATION: an IoU of t or more with a box of another class.
    DUPLICATE: an IoU of t or more with a box of its class that a surer one found.
    BACKGROUND: an IoU of b or less with every box.
    BOTH: the rest: its best box is of another class, and the IoU below t.
    Of two that hold the first counts, in this order, as in TIDE's own code.
    """

    RIGHT = 0
    IGNORED = 1
    LOCALISATION = 2
    CLASSIFICATION = 3
    DUPLICATE = 4
    BACKGROUND = 5
    BOTH = 6


ERRORS = tuple(kind for kind in Kind if kind > Kind.IGNORED)


@dataclass(frozen=True, eq=False)
class Judged:
    """Flat arrays; detections image by image, in the order of the results.

    Attributes:
        num_images, num_classes: how many of each there are.
        image, label: (D,) index of the image, and label 1..C.
        bboxes, scores: (D, 4) xyxy in original pixels, (D,).
        kind: (D,) a Kind.
        gt: (D,) row of the box that was found (RIGHT, DUPLICATE) or meant (LOCALISATION,
            CLASSIFICATION) in the arrays below, -1 where there is none.
        iou: (D,) with that box, else the largest with any.
        gt_image, gt_label, gt_bboxes: (G,), (G,) and (G, 4); ignored boxes are left out.
        gt_found: (G,) whether a detection found it.
    """

    num_images: int
    num_classes: int
    image: np.ndarray
    label: np.ndarray
    bboxes: np.ndarray
    scores: np.ndarray
    kind: np.ndarray
    gt: np.ndarray
    iou: np.ndarray
    gt_image: np.ndarray
    gt_label: np.ndarray
    gt_bboxes: np.ndarray
    gt_found: np.ndarray

    @property
    def gt_missed(self) -> np.ndarray:
        """(G,) neither found nor meant by a LOCALISATION or CLASSIFICATION error: TIDE's Miss."""
        meant = np.isin(self.kind, (Kind.LOCALISATION, Kind.CLASSIFICATION))
        missed = ~self.gt_found
        missed[self.gt[meant]] = False
        return missed

    @property
    def num_gts(self) -> np.ndarray:
        """(C,) boxes of each class."""
        return np.bincount(self.gt_label, minlength=self.num_classes + 1)[1:]


def judge(
    det_results: Sequence[Sequence[np.ndarray]],
    annotations: Sequence[Mapping[str, np.ndarray]],
    iou_thr: float = 0.5,
    background_iou: float = 0.1,
) -> Judged:
    """Says of every detection what it is.

    In falling order of scores a detection finds that box of its class, not found yet, which it
    overlaps most, if their IoU is at least `iou_thr` (COCO's matching).

    Args:
        det_results, annotations: as of `eval_map`.
        iou_thr, background_iou: t and b of `Kind`.

    Raises:
        ValueError: results and annotations are not of as many images.
    """
    found = flatten(det_results)
    if len(found) != len(annotations):
        raise ValueError(f'results of {len(found)} images, annotations of {len(annotations)}')
    edges = np.searchsorted(found.image, np.arange(len(found) + 1))
    bboxes, scores = found.rows[:, :4], found.rows[:, 4]
    kind = np.empty(len(scores), np.int8)
    gt, iou = np.full(len(scores), -1), np.zeros(len(scores))
    counts = [len(ann['labels']) for ann in annotations]
    gt_found = np.zeros(sum(counts), bool)
    first = 0
    for i, ann in enumerate(annotations):
        own = slice(edges[i], edges[i + 1])
        kind[own], rows, iou[own] = _judge_image(
            bboxes[own], found.label[own], scores[own], ann, iou_thr, background_iou
        )
        gt[own] = np.where(rows < 0, -1, rows + first)
        gt_found[gt[own][kind[own] == Kind.RIGHT]] = True
        first += counts[i]
    none = [np.zeros((0, 4)), np.zeros(0, np.int64)]
    return Judged(
        len(found),
        found.num_classes,
        found.image,
        found.label,
        bboxes,
        scores,
        kind,
        gt,
        iou,
        np.repeat(np.arange(len(annotations)), counts),
        np.concatenate([none[1], *(ann['labels'] for ann in annotations)]).astype(np.int64),
        np.concatenate([none[0], *(np.reshape(ann['bboxes'], (-1, 4)) for ann in annotations)]),
        gt_found,
    )


def _judge_image(
    bboxes: np.ndarray,
    labels: np.ndarray,
    scores: np.ndarray,
    ann: Mapping[str, np.ndarray],
    iou_thr: float,
    background_iou: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns kind, row of the box or -1, and IoU, (d,) each."""
    gt_labels = np.asarray(ann['labels'])
    # a column of zeros, so that an image without boxes has a best one too
    iou = np.pad(_iou(bboxes, ann['bboxes']), ((0, 0), (0, 1)))
    is_own = labels[:, None] == np.append(gt_labels, -1)
    own, others = np.where(is_own, iou, 0), np.where(is_own, 0, iou)
    best_own, best_other, best = own.max(axis=1), others.max(axis=1), iou.max(axis=1)
    matched = _match(own, scores, iou_thr)
    right = matched >= 0

    conditions = {
        Kind.RIGHT: right,
        Kind.IGNORED: _in_ignored(bboxes, labels, ann, iou_thr),
        Kind.LOCALISATION: (best_own >= background_iou) & (best_own < iou_thr),
        Kind.CLASSIFICATION: best_other >= iou_thr,
        Kind.DUPLICATE: best_own >= iou_thr,  # it is not right: all of these were found
        Kind.BACKGROUND: best <= background_iou,
    }
    kind = np.select(list(conditions.values()), list(conditions), Kind.BOTH)
    gt = np.full(len(labels), -1)
    for which, rows in (
        (Kind.RIGHT, matched),
        (Kind.LOCALISATION, own.argmax(axis=1)),
        (Kind.CLASSIFICATION, others.argmax(axis=1)),
        (Kind.DUPLICATE, own.argmax(axis=1)),
    ):
        gt[kind == which] = rows[kind == which]
    return kind, gt, np.where(gt < 0, best, iou[np.arange(len(gt)), gt])


def _match(own: np.ndarray, scores: np.ndarray, iou_thr: float) -> np.ndarray:
    """Returns the row of the box that each detection finds, -1 for none; own (d, g) is the IoU."""
    free, matched = own.copy(), np.full(len(scores), -1)
    candidates = np.flatnonzero(own.max(axis=1) >= iou_thr)
    for d in candidates[np.argsort(-scores[candidates], kind='stable')]:
        gt = free[d].argmax()
        if free[d, gt] >= iou_thr:
            matched[d] = gt
            free[:, gt] = 0
    return matched


def _in_ignored(
    bboxes: np.ndarray, labels: np.ndarray, ann: Mapping[str, np.ndarray], share: float
) -> np.ndarray:
    """Returns (d,) whether so large a share of a detection lies in an ignored box of its class."""
    ignored = ann.get('labels_ignore')
    if ignored is None or not len(ignored) or not len(labels):
        return np.zeros(len(labels), bool)
    inside = box_iof(_tensor(bboxes), _tensor(ann['bboxes_ignore'])).numpy()
    return ((inside >= share) & (labels[:, None] == np.asarray(ignored))).any(axis=1)


def _iou(bboxes: np.ndarray, gts: np.ndarray) -> np.ndarray:
    iou = box_iou(_tensor(bboxes), _tensor(gts)).numpy()
    return np.nan_to_num(iou)  # two boxes of zero size: 0 / 0


def _tensor(bboxes: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(bboxes, np.float64).reshape(-1, 4))
