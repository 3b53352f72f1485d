"""How many objects of any class are among the best boxes: what an RPN is measured by.

n images, p boxes found in an image, g objects of an image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchvision.ops import box_iou

PROPOSAL_NUMS = (100, 300, 1000)  # mmdet's


def average_recalls(
    found: Sequence[np.ndarray],
    objects: Sequence[np.ndarray],
    proposal_nums: Sequence[int],
    iou_thrs: Sequence[float],
) -> dict[str, float]:
    """Returns `AR@100` and so on: the share of objects that are found, the mean over IoUs.

    The objects of all images count alike, whatever their class; -1 where there are none. It is
    mmdet's `proposal_fast`.

    Args:
        found: per image (p, 5), xyxy and score, in any order.
        objects: per image (g, 4), xyxy.
        proposal_nums: how many of the best boxes of an image count.
        iou_thrs: from which IoU an object is found.
    """
    ious = [_ious(*pair) for pair in zip(found, objects, strict=True)]
    recalls = {}
    for num in proposal_nums:
        matched = np.concatenate([np.zeros(0), *(_matched(each[:, :num]) for each in ious)])
        shares = [(matched >= thr).mean() if len(matched) else -1.0 for thr in iou_thrs]
        recalls[f'AR@{num}'] = float(np.mean(shares))
    return recalls


def _ious(found: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Returns (g, p) of an image, the boxes found best first."""
    best = found[np.argsort(-found[:, 4], kind='stable')]
    boxes = (torch.from_numpy(np.asarray(each[:, :4], np.float32)) for each in (objects, best))
    return box_iou(*boxes).numpy()


def _matched(ious: np.ndarray) -> np.ndarray:
    """IoUs (g, p) -> (g,), that of each pair where the largest is taken first, each box once."""
    ious, matched = ious.copy(), np.zeros(len(ious))
    if not ious.size:
        return matched
    for _ in range(min(ious.shape)):
        row, column = np.unravel_index(ious.argmax(), ious.shape)
        matched[row] = ious[row, column]
        ious[row], ious[:, column] = -1, -1
    return matched
