"""NMS, assigners, coders of points and mAP: what holds for any boxes.

tests/ops, tests/parallel and tests/evaluation hold such tests of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.evaluation import eval_map
from mmlite.ops.assigners import BACKGROUND, ATSSAssigner, FCOSAssigner, MaxIoUAssigner
from mmlite.ops.coders import DistancePointBBoxCoder
from mmlite.ops.nms import best_of_each_class, multiclass_nms, select_candidates
from tests.fuzz import BOUNDED
from tests.nms_rules import hard, soft

SIDE = 64
STRIDES = (8, 16, 32)
NUM_PER_LEVEL = [(SIDE // stride) ** 2 for stride in STRIDES]


@st.composite
def boxes(draw: Any, least: int = 0, most: int = 6, side: int = 2) -> Tensor:
    """Up to `most` boxes (n, 4), at least `side` pixels in both ways, in a picture of 64 x 64."""
    corner = st.integers(0, SIDE - side)
    rows = []
    for _ in range(draw(st.integers(least, most))):
        x, y = draw(corner), draw(corner)
        right, bottom = (draw(st.integers(low + side, SIDE)) for low in (x, y))
        rows.append((x, y, right, bottom))
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def squares(scale: float) -> Tensor:
    """Priors (R, 4) over all levels: squares of `scale` strides."""
    levels = []
    for stride in STRIDES:
        steps = torch.arange(stride / 2, SIDE, stride)
        y, x = torch.meshgrid(steps, steps, indexing='ij')
        centers = torch.stack([x.flatten(), y.flatten()], dim=1)
        levels.append(
            torch.cat([centers - stride * scale / 2, centers + stride * scale / 2], dim=1)
        )
    return torch.cat(levels)


@BOUNDED
@given(boxes(most=12), st.floats(0.1, 0.9), st.integers(0, 999))
def test_nms_keeps_the_best_and_drops_what_overlaps_it(
    bboxes: Tensor, thr: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(len(bboxes), generator=generator)
    labels = torch.randint(1, 3, (len(bboxes),), generator=generator)
    keep, kept_scores = multiclass_nms(bboxes, scores, labels, hard(thr), -1)
    assert torch.equal(kept_scores, scores[keep])
    assert keep.unique().numel() == len(keep)
    assert (scores[keep].diff() <= 0).all()
    rival = labels[:, None] == labels[None, keep]
    overlap = box_iou(bboxes, bboxes[keep]) * rival
    dropped = torch.ones(len(bboxes), dtype=torch.bool)
    dropped[keep] = False
    better = scores[keep][None] >= scores[:, None]
    assert ((overlap > thr - 1e-4) & better)[dropped].any(dim=1).all()
    among_kept = overlap[keep].fill_diagonal_(0)
    assert (among_kept <= thr + 1e-4).all()
    assert torch.equal(multiclass_nms(bboxes, scores, labels, hard(thr), 2)[0], keep[:2])


METHODS = st.sampled_from(['linear', 'gaussian', 'naive'])


@BOUNDED
@given(boxes(most=12), st.floats(0.1, 0.9), st.integers(0, 999), METHODS, st.floats(0, 0.5))
def test_soft_nms_only_lowers_scores_and_sorts_by_them(
    bboxes: Tensor, thr: float, seed: int, method: str, min_score: float
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(len(bboxes), generator=generator)
    labels = torch.randint(1, 3, (len(bboxes),), generator=generator)
    rule = soft(iou_threshold=thr, method=method, min_score=min_score)
    keep, decayed = multiclass_nms(bboxes, scores, labels, rule, -1)
    assert keep.unique().numel() == len(keep)
    assert (decayed.diff() <= 0).all() and (decayed <= scores[keep]).all()
    assert (decayed >= min_score).all() and (decayed > 0).all()
    for value, few in zip(
        (keep, decayed), multiclass_nms(bboxes, scores, labels, rule, 2), strict=True
    ):
        assert torch.equal(few, value[:2])
    if method == 'naive' and not min_score:
        overlaps = box_iou(bboxes, bboxes)
        assume(not (overlaps - thr).abs().lt(1e-4).any())  # soft NMS drops at thr, hard above it
        assert torch.equal(keep, multiclass_nms(bboxes, scores, labels, hard(thr), -1)[0])


@BOUNDED
@given(
    st.integers(0, 9), st.integers(1, 4), st.integers(0, 999), st.floats(0, 1), st.integers(1, 5)
)
def test_candidates_are_those_above_the_threshold(
    num_priors: int, num_classes: int, seed: int, thr: float, count: int
) -> None:
    scores = torch.rand(num_priors, num_classes, generator=torch.Generator().manual_seed(seed))
    inds, labels = select_candidates(scores, [num_priors], thr, -1)
    assert len(inds) == (scores > thr).sum()
    chosen = scores[inds, labels - 1]
    assert (chosen > thr).all()
    few, few_labels = select_candidates(scores, [num_priors], thr, count)
    kept = scores[few, few_labels - 1]
    assert torch.equal(kept.sort().values, chosen.sort().values[-count:])
    best, best_labels = best_of_each_class(scores, thr, count)
    for label in range(1, num_classes + 1):
        expected = chosen[labels == label].sort(descending=True).values[:count]
        assert torch.equal(scores[best[best_labels == label], label - 1], expected)


ASSIGNERS = st.sampled_from(
    [
        MaxIoUAssigner(pos_iou_thr=0.5, neg_iou_thr=0.4),
        MaxIoUAssigner(pos_iou_thr=0.5, neg_iou_thr=0.5, gt_max_assign_all=False),
        MaxIoUAssigner(pos_iou_thr=0.7, neg_iou_thr=(0.1, 0.3), reassign_low_quality=False),
        ATSSAssigner(topk=4),
        FCOSAssigner(((-1, 16), (16, 32), (32, 1e8))),
        FCOSAssigner(((-1, 16), (16, 32), (32, 1e8)), center_sampling=True),
    ]
)


@BOUNDED
@given(ASSIGNERS, boxes(), boxes(most=2), st.sampled_from([1.0, 2.0, 4.0]))
def test_each_prior_finds_one_box_at_most(
    assigner: Any, gt_bboxes: Tensor, ignored: Tensor, scale: float
) -> None:
    priors = squares(scale)
    assigned = assigner(priors, NUM_PER_LEVEL, gt_bboxes, ignored).indices
    assert assigned.shape == (len(priors),) and assigned.dtype == torch.int64
    assert assigned.min() >= -2 and assigned.max() < max(len(gt_bboxes), 1)
    if not len(gt_bboxes):
        assert (assigned < 0).all()


@BOUNDED
@given(boxes(1, 1, side=2), st.sampled_from([1.0, 2.0, 4.0]))
def test_every_box_is_reached_by_overlap(gt_bboxes: Tensor, scale: float) -> None:
    """A lone box of any size gets a prior, its best one among them."""
    priors = squares(scale)
    found = MaxIoUAssigner(pos_iou_thr=0.5, neg_iou_thr=0.5)(priors, NUM_PER_LEVEL, gt_bboxes)
    assert found.indices[box_iou(gt_bboxes, priors)[0].argmax()] == 0
    once = MaxIoUAssigner(0.99, 0.99, gt_max_assign_all=False)
    assert (once(priors, NUM_PER_LEVEL, gt_bboxes).indices == 0).sum() == 1


@BOUNDED
@given(boxes(2, 5))
def test_a_box_loses_its_best_prior_only_to_another_box(gt_bboxes: Tensor) -> None:
    priors = squares(2.0)
    found = MaxIoUAssigner(pos_iou_thr=0.5, neg_iou_thr=0.5)(priors, NUM_PER_LEVEL, gt_bboxes)
    assert (found.indices[box_iou(gt_bboxes, priors).argmax(dim=1)] != BACKGROUND).all()


@BOUNDED
@given(boxes(1, 1, side=9))
def test_every_box_is_reached_by_points(gt_bboxes: Tensor) -> None:
    """A box of more than a stride of the first level has a point inside, whatever its level."""
    priors = squares(1.0)
    found = FCOSAssigner(((-1, 1e8), (-1, 1e8), (-1, 1e8)))(priors, NUM_PER_LEVEL, gt_bboxes)
    centers = (priors[:, :2] + priors[:, 2:]) / 2
    inside = ((centers > gt_bboxes[0, :2]) & (centers < gt_bboxes[0, 2:])).all(dim=1)
    assert inside.any() and torch.equal(found.indices == 0, inside)


@BOUNDED
@given(boxes(1, 6), st.booleans(), st.floats(0.05, 0.95), st.sampled_from(STRIDES))
def test_distances_decode_to_the_box(
    bboxes: Tensor, norm_on_bbox: bool, share: float, stride: int
) -> None:
    points = bboxes[:, :2] + share * (bboxes[:, 2:] - bboxes[:, :2])
    priors = torch.cat([points - stride / 2, points + stride / 2], dim=1)
    coder = DistancePointBBoxCoder(norm_on_bbox)
    back = coder.decode(priors, coder.encode(priors, bboxes), (SIDE, SIDE))
    torch.testing.assert_close(back, bboxes, atol=1e-3, rtol=1e-4)


@BOUNDED
@given(st.lists(boxes(most=4), min_size=1, max_size=4), st.sampled_from(['11points', 'area']))
def test_what_is_all_found_scores_one(images: list[Tensor], mode: str) -> None:
    """And with every second box left out the recall is that share, and no more than 1 anywhere."""
    annotations, found = [], []
    for bboxes in images:
        unique = np.unique(bboxes.numpy(), axis=0)
        none = dict(bboxes_ignore=np.zeros((0, 4)), labels_ignore=np.zeros(0, int))
        annotations.append(dict(bboxes=unique, labels=np.ones(len(unique), int), **none))
        scores = np.linspace(1, 0.5, len(unique))[:, None]
        found.append([np.concatenate([unique, scores], axis=1)])
    total = sum(len(ann['labels']) for ann in annotations)
    figure, _ = eval_map(found, annotations, 0.99, mode)
    assert abs(figure - (total > 0)) < 1e-6
    _, (row,) = eval_map([[rows[::2] for rows in one] for one in found], annotations, 0.99, mode)
    assert row['num_gts'] == total and 0 <= row['ap'] <= 1
