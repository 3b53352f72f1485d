"""From scores over all priors to the few detections of one image.

In the comments on shapes: L levels of R_l priors, a pairs above the threshold in a level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms

_LEAST = np.finfo(np.float32).tiny  # the smallest score, and area, above 0


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
    bboxes: Tensor, scores: Tensor, labels: Tensor, rule: Mapping[str, Any], max_per_img: int
) -> tuple[Tensor, Tensor]:
    """NMS of each class: hard, or soft (see `soft_nms`).

    Args:
        bboxes: (m, 4).
        scores: (m,).
        labels: (m,); boxes of different labels never suppress each other, such as classes or
            levels.
        rule: as `test_cfg.nms` of a config, with all keys, from `nms_rule`.
        max_per_img: largest number kept, the best; -1 keeps all.

    Returns:
        indices (n,) of those kept, best first, and their scores (n,).
    """
    limits = [count for count in (max_per_img, rule['max_num']) if count > 0]
    limit = min(limits, default=len(scores))
    if rule['class_agnostic']:
        labels = torch.zeros_like(labels)
    if rule['offset']:  # sides are counted with one pixel more
        bboxes = torch.cat([bboxes[:, :2], bboxes[:, 2:] + rule['offset']], dim=1)
    if rule['type'] == 'soft_nms':
        return soft_nms(bboxes, scores, labels, rule, limit)
    # (m, 4), (m,), (m,) -> (n,)
    keep = batched_nms(_from_zero(bboxes), scores, labels, rule['iou_threshold'])[:limit]
    return keep, scores[keep]


def soft_nms(
    bboxes: Tensor, scores: Tensor, labels: Tensor, rule: Mapping[str, Any], limit: int
) -> tuple[Tensor, Tensor]:
    """Soft NMS (Bodla et al. 2017, section 3): boxes near a better one lose score, not all of it.

    The best box is taken, the scores of its class decay by their IoU with it, and so on. A box is
    left out when its score is below `min_score` or 0. It runs on the CPU, as each step needs the
    one before it and is small: boxes on a GPU are waited for once.

    Args:
        bboxes, scores, labels, rule: as `multiclass_nms`; boxes that are not finite overlap none.
        limit: largest number kept; nothing is computed for the others.

    Returns:
        indices (n,) of those kept, best first, and their decayed scores (n,).
    """
    order = labels.argsort(stable=True)  # (m,); a class is a slice of it
    groups = labels[order].cpu().numpy()
    starts, ends = (np.searchsorted(groups, groups, side) for side in ('left', 'right'))
    finite = bboxes.detach()[order].double().nan_to_num(0, 0, 0).T.contiguous()
    x1, y1, x2, y2 = finite.cpu().numpy()  # each (m,)
    left = scores.detach()[order].float().nan_to_num().cpu().numpy()  # (m,), 0 for those taken
    areas = (x2 - x1) * (y2 - y1)
    least = max(np.float32(rule['min_score']), _LEAST)
    taken, decayed = [], []
    while len(taken) < min(limit, len(left)) and left[best := left.argmax()] >= least:
        taken.append(best)
        decayed.append(left[best])
        left[best] = 0
        own = slice(starts[best], ends[best])
        width = np.minimum(x2[own], x2[best]) - np.maximum(x1[own], x1[best])
        height = np.minimum(y2[own], y2[best]) - np.maximum(y1[own], y1[best])
        both = width.clip(0) * height.clip(0)
        left[own] *= _decay(both / np.maximum(areas[own] + areas[best] - both, _LEAST), rule)
    found = torch.as_tensor(np.array(taken, np.int64), device=order.device)
    return order[found], scores.new_tensor(np.array(decayed, np.float32))


def _decay(iou: np.ndarray, rule: Mapping[str, Any]) -> np.ndarray:
    """What scores are multiplied by at an IoU (k,) with a better box: the paper's f."""
    if rule['method'] == 'gaussian':
        return np.exp(-(iou**2) / rule['sigma'])
    rest = 1 - iou if rule['method'] == 'linear' else 0  # 'naive' leaves nothing, as hard NMS
    return np.where(iou >= rule['iou_threshold'], rest, 1)


def _from_zero(bboxes: Tensor) -> Tensor:
    """Returns (m, 4) boxes moved so that no side is negative; those inside the image stay.

    `batched_nms` moves each class by the largest side, which keeps classes apart from 0 on only.
    """
    return bboxes - bboxes.amin().clamp(max=0) if len(bboxes) else bboxes
