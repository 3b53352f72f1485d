"""Cascade R-CNN (Cai and Vasconcelos 2018): each stage starts from the boxes of the one before.

N images, p proposals of an image, K RoIs of all images, C object classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmlite.config.schema import RCNN_TEST_CFG
from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.heads.fitting import flat_test_cfg
from mmlite.models.roi_heads.rois import RoISample, RoISampler, Stage, detections, to_rois
from mmlite.registry import HEADS, TASK_UTILS


@HEADS.register_module()
class CascadeRoIHead(BaseModule):
    """Stages of stricter and stricter assignment, each with a head of its own (section 4).

    Args:
        num_stages: how many.
        stage_loss_weights: factor on the losses of each.
        bbox_roi_extractor, bbox_head: configs, one for all stages or a list.
        train_cfg: for each stage a dict with `assigner` and `sampler`; None for a head that only
            predicts.
        test_cfg: dict with `score_thr`, `nms` and `max_per_img`.
        init_cfg: an initialiser of mmengine.

    Raises:
        ConfigError: a list has another length than `num_stages`.
    """

    def __init__(
        self,
        num_stages: int,
        stage_loss_weights: Sequence[float],
        bbox_roi_extractor: dict | list,
        bbox_head: dict | list,
        train_cfg: dict | list | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        extractors = _of_stages('roi_head.bbox_roi_extractor', bbox_roi_extractor, num_stages)
        heads = _of_stages('roi_head.bbox_head', bbox_head, num_stages)
        self.weights = _of_stages('roi_head.stage_loss_weights', stage_loss_weights, num_stages)
        self.bbox_roi_extractor = nn.ModuleList(map(TASK_UTILS.build, extractors))
        self.bbox_head = nn.ModuleList(map(HEADS.build, heads))
        self.num_classes = self.bbox_head[-1].num_classes
        if len(counts := {head.num_classes for head in self.bbox_head}) > 1:
            raise ConfigError(
                'model.roi_head.bbox_head: all stages need the same num_classes, found '
                f'{sorted(counts)}'
            )
        cfgs = _of_stages('train_cfg.rcnn', train_cfg, num_stages) if train_cfg else []
        self.samplers = [
            RoISampler(cfg, f'model.train_cfg.rcnn.{stage}') for stage, cfg in enumerate(cfgs)
        ]
        self.test_cfg = flat_test_cfg(test_cfg or {}, RCNN_TEST_CFG, 'model.test_cfg.rcnn')

    @property
    def stages(self) -> list[Stage]:
        """All of them, first to last."""
        samplers = self.samplers or [None] * len(self.bbox_head)
        return list(map(Stage, samplers, self.bbox_roi_extractor, self.bbox_head))

    def forward(self, feats: Sequence[Tensor], rois: Tensor, stage: int = 0) -> dict[str, Tensor]:
        """RoIs (K, 5) -> `cls_score` (K, C + 1), background first, and `bbox_pred` (K, B, 4)."""
        return self.bbox_head[stage](self.bbox_roi_extractor[stage](feats, rois))

    def loss(
        self,
        feats: Sequence[Tensor],
        proposals: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns `s0.loss_cls`, `s0.loss_bbox`, `s1.loss_cls`, ...: as of StandardRoIHead."""
        if not self.samplers:
            raise ConfigError("model.train_cfg: training needs the key 'rcnn'")
        truth, losses = (gt_bboxes, gt_labels, gt_bboxes_ignore), {}
        for stage, (sampler, head) in enumerate(zip(self.samplers, self.bbox_head, strict=True)):
            sample = sampler.sample(
                proposals, *truth, lambda rois, at=stage: self(feats, rois, at)['cls_score']
            )
            outs = self(feats, sample.rois, stage)
            with torch.autocast(sample.rois.device.type, enabled=False):
                found = head.loss(outs, sample.rois[:, 1:], sample.labels, sample.matched)
                proposals = self.next_proposals(stage, outs, sample, img_metas)
            for name, value in found.items():
                losses[f's{stage}.{name}'] = value * self.weights[stage]
        return losses

    @torch.no_grad()
    def next_proposals(
        self, stage: int, outs: dict[str, Tensor], sample: RoISample, img_metas: list[dict]
    ) -> list[Tensor]:
        """Returns the boxes of a stage's RoIs (p, 4) per image, moved, without the ground truth.

        A GPU is waited for, to count those that are left.
        """
        best = outs['cls_score'][:, -self.num_classes :].argmax(dim=1) + 1  # (K, C) -> (K,)
        labels = sample.labels.where(sample.labels > 0, best)
        moved = self.moved(stage, outs, sample.rois, labels, sample.counts, img_metas)
        kept = (~sample.is_truth & (sample.labels >= 0)).split(sample.counts)
        return [bboxes[own] for bboxes, own in zip(moved, kept, strict=True)]

    def moved(
        self,
        stage: int,
        outs: dict[str, Tensor],
        rois: Tensor,
        labels: Tensor,
        counts: Sequence[int],
        img_metas: list[dict],
    ) -> list[Tensor]:
        """Returns the boxes (S, 4) per image that a stage makes of RoIs of these labels (K,)."""
        head = self.bbox_head[stage]
        deltas = head.of_class(outs['bbox_pred'], labels).split(counts)  # (K, 4) -> (S, 4)
        parts = zip(rois[:, 1:].split(counts), deltas, img_metas, strict=True)
        return [head.bbox_coder.decode(*part, meta['img_shape'][:2]) for *part, meta in parts]

    def predict(
        self,
        feats: Sequence[Tensor],
        proposals: Sequence[Tensor],
        img_metas: list[dict],
        rescale: bool = False,
    ) -> list[dict[str, Tensor]]:
        """Returns the detections, as of StandardRoIHead.

        The classes are the mean of all stages', the boxes those of the last.
        """
        counts, logits = [len(own) for own in proposals], []
        for stage in range(len(self.bbox_head)):
            rois = to_rois(proposals)
            outs = self(feats, rois, stage)
            logits.append(outs['cls_score'])
            if stage < len(self.bbox_head) - 1:
                best = logits[-1][:, -self.num_classes :].argmax(dim=1) + 1
                proposals = self.moved(stage, outs, rois, best, counts, img_metas)
        head = self.bbox_head[-1]
        scores = head.loss_cls.scores(torch.stack(logits).mean(dim=0)).split(counts)
        parts = zip(scores, outs['bbox_pred'].split(counts), proposals, img_metas, strict=True)
        return [detections(head, *part, self.test_cfg, rescale) for part in parts]


def _of_stages(at: str, given: dict | Sequence, num_stages: int) -> list:
    """Returns what each stage has: one dict is for all of them."""
    parts = [given] * num_stages if isinstance(given, dict) else list(given)
    if len(parts) != num_stages:
        raise ConfigError(
            f'model.{at}: one for each of the {num_stages} stages is expected, found {len(parts)}'
        )
    return parts
