"""RoIs: from proposals to those that are learnt from, and from their classes to detections.

N images, p proposals and g boxes of an image, S RoIs sampled of it, K RoIs of all images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from mmlite.config.keys import check_dict
from mmlite.config.schema import RCNN_TRAIN_CFG
from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import IGNORE_LABEL, labels_and_boxes
from mmlite.models.losses import cross_entropy
from mmlite.ops.assignment import as_assignment
from mmlite.ops.boxes import to_original
from mmlite.ops.nms import multiclass_nms, select_candidates
from mmlite.registry import TASK_UTILS


@dataclass(frozen=True)
class RoISample:
    """The RoIs of a batch that are learnt from.

    Args:
        rois: (K, 5), the number of the image and the box, input pixels.
        labels: (K,): -1 ignore, where an image had too few to take; 0 background, 1..C.
        matched: (K, 4), the box that each has to find; 0 where there is none.
        is_truth: (K,) bool, it is a box of the ground truth and no proposal.
        counts: S of each image.
    """

    rois: Tensor
    labels: Tensor
    matched: Tensor
    is_truth: Tensor
    counts: list[int]


class RoISampler:
    """Compares proposals with the ground truth and takes some of them.

    Args:
        train_cfg: dict with `assigner` and `sampler`.
        at: its place in the config, for messages.

    Raises:
        ConfigError: there is no assigner, or a key that is not known.
    """

    def __init__(self, train_cfg: Mapping, at: str) -> None:
        check_dict(train_cfg, RCNN_TRAIN_CFG, at)
        if train_cfg.get('assigner') is None:
            raise ConfigError(f"{at}: training needs the key 'assigner'")
        self.assigner = TASK_UTILS.build(train_cfg['assigner'])
        self.sampler = TASK_UTILS.build(train_cfg.get('sampler') or dict(type='PseudoSampler'))

    @torch.no_grad()
    def sample(
        self,
        proposals: Sequence[Tensor],
        gt_bboxes: Sequence[Tensor],
        gt_labels: Sequence[Tensor],
        gt_bboxes_ignore: Sequence[Tensor] | None,
        classify: Callable[[Tensor], Tensor],
    ) -> RoISample:
        """Takes RoIs of each image, no more than the sampler's `num`.

        Args:
            proposals: per image (p, 4), input pixels.
            gt_bboxes: per image (g, 4).
            gt_labels: per image (g,), 1..C.
            gt_bboxes_ignore: per image (k, 4).
            classify: RoIs (R, 5) -> logits (R, C + 1), which only OHEMSampler asks for.
        """
        ignored = gt_bboxes_ignore or [None] * len(gt_bboxes)
        parts = zip(proposals, gt_bboxes, gt_labels, ignored, strict=True)
        taken = [self._of_image(image, *part, classify) for image, part in enumerate(parts)]
        counts = [len(labels) for _, labels, _, _ in taken]
        return RoISample(*map(torch.cat, zip(*taken, strict=True)), counts)

    def _of_image(
        self,
        image: int,
        proposals: Tensor,
        gt_bboxes: Tensor,
        gt_labels: Tensor,
        ignored: Tensor | None,
        classify: Callable[[Tensor], Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        found = self.assigner(proposals, [len(proposals)], gt_bboxes, ignored)
        indices = as_assignment(found).indices  # (p,)
        num_truth = len(gt_bboxes) if self.sampler.add_gt_as_proposals else 0
        bboxes = torch.cat([gt_bboxes[:num_truth], proposals])  # (g, 4), (p, 4) -> (R, 4)
        indices = torch.cat([torch.arange(num_truth, device=indices.device), indices])  # (R,)
        labels, matched = labels_and_boxes(indices, gt_bboxes, gt_labels)
        rois = numbered(bboxes, image)
        # what a sampler may ask for beside the labels, each (R,)
        facts = dict(
            losses=lambda: cross_entropy(classify(rois), labels),
            indices=lambda: indices,
            overlaps=lambda: largest_overlaps(bboxes, gt_bboxes),
        )
        asked = {name: facts[name]() for name in self.sampler.needs}
        taken = self.sampler(labels, **asked)  # (R,) bool
        # the taken ones first, so that shapes do not depend on what is drawn
        first = taken.byte().argsort(descending=True, stable=True)[: self.sampler.num]  # (S,)
        labels = labels.where(taken, IGNORE_LABEL)
        return rois[first], labels[first], matched[first], first < num_truth


def largest_overlaps(bboxes: Tensor, gt_bboxes: Tensor) -> Tensor:
    """Boxes (R, 4) and those of the ground truth (g, 4) -> (R,), the largest IoU, 0 for none."""
    nothing = bboxes.new_zeros(len(bboxes), 1)
    return torch.cat([nothing, box_iou(bboxes, gt_bboxes)], dim=1).amax(dim=1)


class Stage(NamedTuple):
    """What a second stage is made of; a cascade has several.

    Args:
        sampler: None where the head only predicts.
        extractor, bbox_head: modules.
    """

    sampler: RoISampler | None
    extractor: nn.Module
    bbox_head: nn.Module


def numbered(bboxes: Tensor, image: int) -> Tensor:
    """Boxes (R, 4) of an image -> RoIs (R, 5), with the number of the image in front."""
    return torch.cat([bboxes.new_full((len(bboxes), 1), image), bboxes], dim=1)


def to_rois(bboxes: Sequence[Tensor]) -> Tensor:
    """Boxes (R, 4) of each image -> RoIs of all images (K, 5)."""
    return torch.cat([numbered(own, image) for image, own in enumerate(bboxes)])


def detections(
    bbox_head: nn.Module,
    scores: Tensor,
    bbox_pred: Tensor,
    bboxes: Tensor,
    img_meta: dict,
    cfg: Mapping,
    rescale: bool,
) -> dict[str, Tensor]:
    """Returns dict(bboxes (n, 4), scores (n,), labels (n,) 1..C) of one image, best first.

    Args:
        bbox_head: whose coder and choice of boxes are used.
        scores: (S, C) of the RoIs of the image.
        bbox_pred: (S, B, 4) deltas.
        bboxes: (S, 4), the RoIs.
        img_meta: with `img_shape`, to which boxes are clipped, and `scale_factor` to rescale.
        cfg: `test_cfg.rcnn`, flat.
        rescale: boxes in pixels of the original image; else of the network's input.
    """
    # every class of a RoI is a candidate of its own
    inds, labels = select_candidates(scores, [len(scores)], cfg['score_thr'], -1)  # (m,), (m,)
    deltas = bbox_head.of_class(bbox_pred[inds], labels)  # (m, B, 4) -> (m, 4)
    bboxes = bbox_head.bbox_coder.decode(bboxes[inds], deltas, img_meta['img_shape'][:2])
    # in pixels of the input, unlike those of a DenseHead, as torchvision does
    large = ((bboxes[:, 2:] - bboxes[:, :2]) > cfg['min_bbox_size']).all(dim=1)  # (m,) bool
    bboxes, labels, kept = bboxes[large], labels[large], scores[inds, labels - 1][large]
    bboxes = to_original(bboxes, img_meta) if rescale else bboxes
    keep, found = multiclass_nms(bboxes, kept, labels, cfg['nms'], cfg['max_per_img'])  # (n,)
    return dict(bboxes=bboxes[keep], scores=found, labels=labels[keep])
