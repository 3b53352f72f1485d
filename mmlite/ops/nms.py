"""From scores over all priors to the few detections of one image.

In the comments on shapes: L levels of R_l priors, a pairs above the threshold in a level.
"""

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
        nms_pre: largest number of pairs kept in a level, the best; -1 keeps all.

    Returns:
        indices (m,) of the priors and their labels (m,) in 1..C, level by level.
    """
    inds, labels = [], []
    start, num_classes = 0, scores.shape[1]
    for level in scores.split(list(num_per_level)):  # (R, C) -> L of (R_l, C)
        # (R_l, C) -> (R_l * C,): the pair (prior p, class c) is number p * C + c
        pairs = level.reshape(-1)
        above = torch.nonzero(pairs > score_thr)[:, 0]  # (R_l * C,) -> (a,)
        if 0 < nms_pre < len(above):
            above = above[pairs[above].topk(nms_pre).indices]
        inds.append(start + above // num_classes)
        labels.append(above % num_classes + 1)
        start += len(level)
    # L of (a,) -> (m,)
    return torch.cat(inds), torch.cat(labels)


def best_of_each_class(scores: Tensor, score_thr: float, count: int) -> tuple[Tensor, Tensor]:
    """Picks the priors worth decoding, at most `count` for each class (torchvision's SSD).

    Args:
        scores: (R, C) probabilities of the C object classes.
        score_thr: as `select_candidates`.
        count: largest number kept of a class.

    Returns:
        indices (m,) of the priors and their labels (m,) in 1..C, best first within a class.
    """
    best, inds = scores.T.topk(min(count, len(scores)))  # (R, C) -> (C, R) -> (C, count)
    above = best > score_thr  # (C, count) bool
    # (C, count)[(C, count) bool] -> (m,); the row of a kept one is its class
    return inds[above], torch.nonzero(above)[:, 0] + 1


def multiclass_nms(
    bboxes: Tensor, scores: Tensor, labels: Tensor, iou_thr: float, max_per_img: int
) -> Tensor:
    """Per-class NMS; returns the indices kept, best first, at most `max_per_img` (-1: all).

    Args:
        bboxes: (m, 4).
        scores: (m,).
        labels: (m,); boxes of different labels never suppress each other.
    """
    keep = batched_nms(_from_zero(bboxes), scores, labels, iou_thr)  # (m, 4), (m,), (m,) -> (n,)
    return keep[:max_per_img] if max_per_img > 0 else keep


def _from_zero(bboxes: Tensor) -> Tensor:
    """Returns (m, 4) boxes moved so that no side is negative; those inside the image stay.

    `batched_nms` moves each class by the largest side, which keeps classes apart from 0 on only.
    """
    return bboxes - bboxes.amin().clamp(max=0) if len(bboxes) else bboxes
