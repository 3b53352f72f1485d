"""From scores over all priors to the few detections of one image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.ops import batched_nms


def select_candidates(
    scores: Tensor, num_per_level: Sequence[int], score_thr: float, nms_pre: int
) -> tuple[Tensor, Tensor]:
    """Picks the (prior, class) pairs worth decoding, at most `nms_pre` from each level.

    Args:
        scores: (R, C) probabilities of the C object classes.
        num_per_level: priors in each level; they sum to R.
        score_thr: pairs must score more than this.
        nms_pre: largest number of pairs kept in a level, best first; -1 keeps all.

    Returns:
        indices (m,) of the priors and their labels (m,) in 1..C, level by level.
    """
    inds, labels = [], []
    start = 0
    for level in scores.split(list(num_per_level)):
        rows, columns = torch.nonzero(level > score_thr, as_tuple=True)
        order = level[rows, columns].sort(descending=True, stable=True).indices
        order = order[:nms_pre] if nms_pre > 0 else order
        inds.append(rows[order] + start)
        labels.append(columns[order] + 1)
        start += len(level)
    return torch.cat(inds), torch.cat(labels)


def best_of_each_class(scores: Tensor, labels: Tensor, count: int) -> Tensor:
    """Returns the indices of the `count` best candidates of each class, class by class.

    Args:
        scores: (m,).
        labels: (m,), 1..C.
        count: largest number kept of a class.
    """
    order = scores.argsort(descending=True)
    order = order[labels[order].argsort(stable=True)]
    sizes = labels.bincount()
    firsts = (sizes.cumsum(0) - sizes)[labels[order]]
    rank = torch.arange(len(order), device=order.device) - firsts
    return order[rank < count]


def multiclass_nms(
    bboxes: Tensor, scores: Tensor, labels: Tensor, iou_thr: float, max_per_img: int
) -> Tensor:
    """Per-class NMS; returns the indices kept, best first, at most `max_per_img` (-1: all).

    Args:
        bboxes: (m, 4).
        scores: (m,).
        labels: (m,); boxes of different labels never suppress each other.
    """
    keep = batched_nms(bboxes, scores, labels, iou_thr)
    return keep[:max_per_img] if max_per_img > 0 else keep
