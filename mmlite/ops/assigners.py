"""Assigners: which ground-truth box, if any, each prior has to find.

`assigner(priors (R, 4), num_per_level, gt_bboxes (g, 4), gt_bboxes_ignore (k, 4) or None)` returns
an `Assignment`: indices (R,) int64, 0..g-1 for a box, BACKGROUND or IGNORE. Labels and boxes are
gathered from them in one place, the head. An assigner with `needs_predictions` also gets the labels
(g,) of the boxes and the `Predictions` of the head. `gives` names what its `Assignment` has beside
the indices.

Every box is compared with every prior. Boxes come in chunks, and each prior keeps the best so far:
hundreds of boxes in an image need no more memory than a few.

In the comments on shapes: c boxes of a chunk, k candidates of a box, L levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchvision.ops import box_iou

from mmlite.errors import ConfigError
from mmlite.ops.assignment import BACKGROUND, IGNORE, Assignment, Predictions
from mmlite.ops.boxes import box_iof

MATRIX_SIZE = 2**22  # pairs of a box and a prior compared at once: 16 MiB in float32


class Assigner:
    """What assigners share: how they are called, and the priors that an ignored box hides.

    Args:
        ignore_iof_thr: priors with a larger share inside an ignored box are ignored; a value of
            zero or less switches this off.
        ignore_wrt_candidates: measure that share on the prior; else on the ignored box.
    """

    needs_predictions: ClassVar[bool] = False
    gives: ClassVar[tuple[str, ...]] = ()

    def __init__(self, ignore_iof_thr: float = -1, ignore_wrt_candidates: bool = True) -> None:
        self.ignore_iof_thr = ignore_iof_thr
        self.ignore_wrt_candidates = ignore_wrt_candidates

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None = None,
    ) -> Assignment:
        """Returns for each prior the index of a box, BACKGROUND or IGNORE.

        Args:
            priors: (R, 4), xyxy, input pixels.
            num_per_level: how many of them each level has.
            gt_bboxes: (g, 4), as the priors.
            gt_bboxes_ignore: (k, 4), as the priors.
        """
        if not len(priors):  # such as no proposal
            return Assignment(torch.zeros(0, dtype=torch.int64, device=priors.device))
        ignored = inside_ignored(
            priors, gt_bboxes_ignore, self.ignore_iof_thr, self.ignore_wrt_candidates
        )
        return Assignment(self.assign(priors, num_per_level, gt_bboxes, ignored))

    def assign(
        self, priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor, ignored: Tensor
    ) -> Tensor:
        """Returns the indices (R,); `ignored` (R,) is True for priors that an ignored box hides."""
        raise NotImplementedError


class MaxIoUAssigner(Assigner):
    """Assigns a prior to the box it overlaps most, and every box to its best prior.

    Faster R-CNN (Ren et al. 2015, section 3.1.2); SSD's matching (Liu et al. 2016, section 2.2).

    Args:
        pos_iou_thr: IoU from which a prior takes its best box.
        neg_iou_thr: IoU below which it is background, or a (low, high) pair; between the two
            thresholds it is ignored.
        min_pos_iou: IoU from which a box takes its best prior whatever the thresholds say.
        gt_max_assign_all: the box takes all priors that share its best IoU, not only the first.
        match_low_quality: whether boxes take their best priors at all.
        reassign_low_quality: a prior taken so has to find the box that took it; False leaves it
            the box that it overlaps most, as torchvision's RetinaNet and detectron2 do.
        ignore_iof_thr: priors with a larger share inside an ignored box are ignored; a value of
            zero or less switches this off.
        ignore_wrt_candidates: measure that share on the prior; else on the ignored box.
        gpu_assign_thr: -1; mmdet 2.x moved large images to the CPU, here memory is bounded.
    """

    def __init__(
        self,
        pos_iou_thr: float,
        neg_iou_thr: float | Sequence[float],
        min_pos_iou: float = 0.0,
        gt_max_assign_all: bool = True,
        match_low_quality: bool = True,
        reassign_low_quality: bool = True,
        ignore_iof_thr: float = -1,
        ignore_wrt_candidates: bool = True,
        gpu_assign_thr: float = -1,
    ) -> None:
        super().__init__(ignore_iof_thr, ignore_wrt_candidates)
        self.pos_iou_thr = pos_iou_thr
        self.neg_iou_range = (
            (0.0, neg_iou_thr) if isinstance(neg_iou_thr, (int, float)) else tuple(neg_iou_thr)
        )
        self.min_pos_iou = min_pos_iou
        self.gt_max_assign_all = gt_max_assign_all
        self.match_low_quality = match_low_quality
        self.reassign_low_quality = reassign_low_quality

    def assign(
        self, priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor, ignored: Tensor
    ) -> Tensor:
        """Returns (R,) int64: index of a box, BACKGROUND or IGNORE."""
        if len(gt_bboxes) == 0:
            return _unassigned(ignored)

        best_iou = torch.full_like(priors[:, 0], -1)
        best_gt = torch.zeros_like(best_iou, dtype=torch.int64)
        taken_by = torch.full_like(best_gt, -1)
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            ious = self.overlaps(bboxes, priors, num_per_level).masked_fill_(ignored, -1)
            iou, gt = ious.max(dim=0)  # (c, R) -> (R,), (R,)
            best_gt = torch.where(iou > best_iou, gt + start, best_gt)
            best_iou = torch.maximum(iou, best_iou)
            if self.match_low_quality:
                # (c, R) -> (R,)
                last = last_taker(ious, self.min_pos_iou, self.gt_max_assign_all)
                taken_by = torch.where(last >= 0, last + start, taken_by)

        low, high = self.neg_iou_range
        assigned = torch.full_like(best_gt, IGNORE)
        assigned[(best_iou >= low) & (best_iou < high)] = BACKGROUND
        assigned = torch.where(best_iou >= self.pos_iou_thr, best_gt, assigned)
        kept = taken_by if self.reassign_low_quality else best_gt
        return torch.where(taken_by >= 0, kept, assigned)

    def overlaps(self, bboxes: Tensor, priors: Tensor, num_per_level: Sequence[int]) -> Tensor:
        """Returns the IoU (g, R) of boxes (g, 4) and priors (R, 4) that the thresholds are for."""
        return box_iou(bboxes, priors)


class FCOSAssigner(Assigner):
    """Assigns a point to the smallest box around it whose size its level looks for.

    FCOS (Tian et al. 2019, section 3.2). Priors are squares around the points, of side = stride.
    Ignored boxes change nothing, as in mmdet.

    Args:
        regress_ranges: per level the (least, greatest) distance in pixels from a point to the
            farthest side of its box.
        center_sampling: only points near the centre of the box count.
        center_sample_radius: what near means, in strides.

    Raises:
        ConfigError: the priors have another number of levels than `regress_ranges`.
    """

    def __init__(
        self,
        regress_ranges: Sequence[tuple[float, float]],
        center_sampling: bool = False,
        center_sample_radius: float = 1.5,
    ) -> None:
        super().__init__()
        self.regress_ranges = [tuple(map(float, limits)) for limits in regress_ranges]
        self.center_sampling = center_sampling
        self.center_sample_radius = center_sample_radius

    def assign(
        self, priors: Tensor, num_per_level: Sequence[int], gt_bboxes: Tensor, ignored: Tensor
    ) -> Tensor:
        """Returns (R,) int64: index of a box, or BACKGROUND."""
        assigned = torch.full_like(priors[:, 0], BACKGROUND, dtype=torch.int64)
        smallest = torch.full_like(priors[:, 0], torch.inf)
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            fits = self.in_range(priors, num_per_level, bboxes)  # (c, R) bool
            areas = (bboxes[:, 2:] - bboxes[:, :2]).prod(dim=1, keepdim=True)  # (c, 1)
            area, gt = torch.where(fits, areas, torch.inf).min(dim=0)  # (c, R) -> (R,), (R,)
            assigned = torch.where(area < smallest, gt + start, assigned)
            smallest = torch.minimum(area, smallest)
        return assigned

    def in_range(self, priors: Tensor, num_per_level: Sequence[int], bboxes: Tensor) -> Tensor:
        """Returns (g, R) bool: the points that may look for each box, before the smallest wins."""
        # (R, 4) -> points (R, 2), sides (R,)
        points, sides = (priors[:, :2] + priors[:, 2:]) / 2, priors[:, 2] - priors[:, 0]
        low, high = self._limits(priors, num_per_level)
        nearest, farthest = distances_to_sides(points, bboxes)  # each (g, R)
        fits = (nearest > 0) & (farthest >= low) & (farthest <= high)
        if self.center_sampling:
            centers = (bboxes[:, None, :2] + bboxes[:, None, 2:]) / 2  # (g, 1, 2)
            # (R, 2) - (g, 1, 2) -> (g, R, 2) -> (g, R)
            off = (points - centers).abs().amax(dim=-1)
            fits &= off < self.center_sample_radius * sides
        return fits

    def _limits(self, priors: Tensor, num_per_level: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Returns the least and the greatest distance that each prior looks for, each (R,)."""
        if len(num_per_level) != len(self.regress_ranges):
            raise ConfigError(
                f'FCOSAssigner: regress_ranges has {len(self.regress_ranges)} levels, the priors '
                f'have {len(num_per_level)}'
            )
        # L numbers -> (R,): each as often as its level has priors
        low, high = (
            torch.cat(
                [
                    priors.new_full((count,), limit)
                    for count, limit in zip(num_per_level, limits, strict=True)
                ]
            )
            for limits in zip(*self.regress_ranges, strict=True)
        )
        return low, high


class ATSSAssigner(Assigner):
    """Assigns by an IoU threshold that each box gets from the priors around its centre.

    ATSS (Zhang et al. 2020, algorithm 1): of each level the `topk` priors nearest to the centre
    are candidates; those count whose IoU reaches mean + standard deviation of all candidates' and
    whose centre lies in the box. A prior wanted by several boxes goes to the one it overlaps most.

    Args:
        topk: candidates of a box in each level.
        ignore_iof_thr: priors with a larger share inside an ignored box are ignored, and are no
            candidates unless a level has fewer than `topk` others, as in mmdet; a value of zero or
            less switches this off.
        alpha: None, or DDOD's: in place of the prior's IoU counts score^(1 - alpha) * IoU^alpha of
            what is predicted at it (Chen et al. 2021, section 3.2).
    """

    def __init__(
        self, topk: int = 9, ignore_iof_thr: float = -1, alpha: float | None = None
    ) -> None:
        super().__init__(ignore_iof_thr)
        self.topk = topk
        self.alpha = alpha
        self.needs_predictions = alpha is not None

    def __call__(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        gt_bboxes_ignore: Tensor | None = None,
        gt_labels: Tensor | None = None,
        predictions: Predictions | None = None,
    ) -> Assignment:
        """Does what any assigner does; with `alpha`, labels (g,) and predictions count too."""
        ignored = inside_ignored(priors, gt_bboxes_ignore, self.ignore_iof_thr)
        asked = (gt_labels, predictions)
        return Assignment(self.assign(priors, num_per_level, gt_bboxes, ignored, *asked))

    def assign(
        self,
        priors: Tensor,
        num_per_level: Sequence[int],
        gt_bboxes: Tensor,
        ignored: Tensor,
        gt_labels: Tensor | None = None,
        predictions: Predictions | None = None,
    ) -> Tensor:
        """Returns (R,) int64: index of a box, BACKGROUND or IGNORE."""
        assigned = _unassigned(ignored)
        best_iou = torch.full_like(priors[:, 0], -1)
        points = (priors[:, :2] + priors[:, 2:]) / 2
        for start, bboxes in chunks(gt_bboxes, len(priors)):
            if self.alpha is None:
                ious = box_iou(bboxes, priors)  # (c, 4), (R, 4) -> (c, R)
            else:
                labels = gt_labels[start : start + len(bboxes)]
                scores = predictions.scores.T[labels - 1]  # (R, C) -> (c, R)
                ious = box_iou(bboxes, predictions.bboxes) ** self.alpha
                ious = scores ** (1 - self.alpha) * ious
            centers = (bboxes[:, :2] + bboxes[:, 2:]) / 2  # (c, 2)
            # (c, R); an ignored prior is a candidate only where its level has too few others
            distances = torch.cdist(centers, points).masked_fill_(ignored, torch.inf)
            candidates = self._nearest(distances, num_per_level)  # (c, R) -> (c, k)
            overlaps = ious.gather(1, candidates)  # (c, R) -> (c, k)
            threshold = overlaps.mean(dim=1) + overlaps.std(dim=1)  # (c,)
            nearest, _ = distances_to_sides(points, bboxes)
            inside = nearest.gather(1, candidates) > 0.01  # (c, R) -> (c, k) bool
            positive = inside & (overlaps >= threshold[:, None])
            # (c, k) -> (c, R): the IoU of each positive candidate, -1 elsewhere
            wanted = torch.full_like(ious, -1).scatter_(1, candidates, overlaps.where(positive, -1))
            iou, gt = wanted.max(dim=0)  # (c, R) -> (R,), (R,)
            assigned = torch.where(iou > best_iou, gt + start, assigned)
            best_iou = torch.maximum(iou, best_iou)
        return assigned

    def _nearest(self, distances: Tensor, num_per_level: Sequence[int]) -> Tensor:
        """Returns the indices (g, L * topk) of the nearest priors of each level, less if few."""
        inds, start = [], 0
        # (g, R) -> L of (g, R_l) -> L of (g, topk) -> (g, L * topk)
        for level in distances.split(list(num_per_level), dim=1):
            nearest = level.topk(min(self.topk, level.shape[1]), dim=1, largest=False).indices
            inds.append(nearest + start)
            start += level.shape[1]
        return torch.cat(inds, dim=1)


def chunks(gt_bboxes: Tensor, num_priors: int) -> Iterator[tuple[int, Tensor]]:
    """Yields (index of the first, boxes (c, 4)), so that c * num_priors is at most MATRIX_SIZE."""
    size = max(1, MATRIX_SIZE // max(1, num_priors))
    for start in range(0, len(gt_bboxes), size):
        yield start, gt_bboxes[start : start + size]


def last_taker(ious: Tensor, min_iou: float, takes_all: bool) -> Tensor:
    """Returns (R,): the last box of `ious` (g, R) whose best prior this is, -1 for none.

    Args:
        ious: of g boxes with R priors.
        min_iou: IoU from which a box takes its best prior.
        takes_all: a box takes all priors that share its best IoU, not only the first.
    """
    best_iou, best_prior = ious.max(dim=1)  # (g, R) -> (g,), (g,)
    enough = best_iou >= min_iou
    if takes_all:
        # (g, R) == (g, 1) -> (g, R)
        taken = (ious == best_iou[:, None]) & enough[:, None]
    else:
        taken = torch.zeros_like(ious, dtype=torch.bool)
        taken[torch.arange(len(ious), device=ious.device), best_prior] = enough
    order = torch.arange(len(ious), device=ious.device)[:, None]  # (g, 1)
    return torch.where(taken, order, -1).max(dim=0).values  # (g, R) -> (R,)


def distances_to_sides(points: Tensor, bboxes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the distances (g, R) of points (R, 2) to the nearest and farthest side of boxes.

    The nearest is negative where the point lies outside.
    """
    # (R,) - (g, 1) -> (g, R): left, top, right, bottom
    sides = [
        points[:, 0] - bboxes[:, 0, None],
        points[:, 1] - bboxes[:, 1, None],
        bboxes[:, 2, None] - points[:, 0],
        bboxes[:, 3, None] - points[:, 1],
    ]
    nearest = torch.minimum(torch.minimum(sides[0], sides[1]), torch.minimum(sides[2], sides[3]))
    farthest = torch.maximum(torch.maximum(sides[0], sides[1]), torch.maximum(sides[2], sides[3]))
    return nearest, farthest


def inside_ignored(
    priors: Tensor, gt_bboxes_ignore: Tensor | None, iof_thr: float, of_prior: bool = True
) -> Tensor:
    """Returns (R,) bool: priors that share more than `iof_thr` with an ignored box.

    The share is measured on the prior, or with `of_prior=False` on the ignored box.
    """
    ignored = torch.zeros_like(priors[:, 0], dtype=torch.bool)
    if iof_thr <= 0 or gt_bboxes_ignore is None:
        return ignored
    for _, regions in chunks(gt_bboxes_ignore, len(priors)):
        # (R, c); of the boxes: (c, R) -> (R, c)
        shares = box_iof(priors, regions) if of_prior else box_iof(regions, priors).T
        ignored |= (shares > iof_thr).any(dim=1)  # (R, c) -> (R,)
    return ignored


def _unassigned(ignored: Tensor) -> Tensor:
    background = torch.full_like(ignored, BACKGROUND, dtype=torch.int64)
    return background.masked_fill_(ignored, IGNORE)
