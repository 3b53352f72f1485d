"""The second stage of Faster R-CNN: every proposal is pooled, classified and moved once.

N images, p proposals of an image, K RoIs of all images, C object classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.config.schema import RCNN_TEST_CFG
from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.heads.fitting import flat_test_cfg
from mmlite.models.roi_heads.rois import RoISample, RoISampler, Stage, detections, to_rois
from mmlite.registry import HEADS, TASK_UTILS


@HEADS.register_module()
class StandardRoIHead(BaseModule):
    """Pools, classifies and moves proposals (Fast R-CNN, Girshick 2015, section 2).

    Args:
        bbox_roi_extractor, bbox_head: configs.
        shared_head: config of layers between the two, such as a ResLayer; None for none.
        train_cfg: dict with `assigner` and `sampler`; None for a head that only predicts.
        test_cfg: dict with `score_thr`, `nms` and `max_per_img`.
        init_cfg: an initialiser of mmengine.
    """

    def __init__(
        self,
        bbox_roi_extractor: dict,
        bbox_head: dict,
        shared_head: dict | None = None,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.bbox_roi_extractor = TASK_UTILS.build(bbox_roi_extractor)
        self.shared_head = HEADS.build(shared_head) if shared_head else nn.Identity()
        self.bbox_head = HEADS.build(bbox_head)
        self.num_classes = self.bbox_head.num_classes
        self.sampler = RoISampler(train_cfg, 'model.train_cfg.rcnn') if train_cfg else None
        self.test_cfg = flat_test_cfg(test_cfg or {}, RCNN_TEST_CFG, 'model.test_cfg.rcnn')

    @property
    def stages(self) -> list[Stage]:
        """The only one."""
        return [Stage(self.sampler, self.bbox_roi_extractor, self.bbox_head)]

    def forward(self, feats: Sequence[Tensor], rois: Tensor) -> dict[str, Tensor]:
        """RoIs (K, 5) -> `cls_score` (K, C + 1), background first, and `bbox_pred` (K, B, 4)."""
        return self.bbox_head(self.shared_head(self.bbox_roi_extractor(feats, rois)))

    def loss(
        self,
        feats: Sequence[Tensor],
        proposals: Sequence[Tensor],
        img_metas: list[dict],
        gt_bboxes: list[Tensor],
        gt_labels: list[Tensor],
        gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Returns `loss_cls` and `loss_bbox`.

        Args:
            feats: feature maps, the finest first.
            proposals: per image (p, 4), input pixels.
            img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore: as of the detector.
        """
        sample = self.sample(feats, proposals, gt_bboxes, gt_labels, gt_bboxes_ignore)
        outs = self(feats, sample.rois)
        with torch.autocast(sample.rois.device.type, enabled=False):
            return self.bbox_head.loss(outs, sample.rois[:, 1:], sample.labels, sample.matched)

    def sample(
        self, feats: Sequence[Tensor], proposals: Sequence[Tensor], *truth: Any
    ) -> RoISample:
        """Returns the RoIs that are learnt from; arguments as of `loss`."""
        if self.sampler is None:
            raise ConfigError("model.train_cfg: training needs the key 'rcnn'")
        return self.sampler.sample(proposals, *truth, lambda rois: self(feats, rois)['cls_score'])

    def predict(
        self,
        feats: Sequence[Tensor],
        proposals: Sequence[Tensor],
        img_metas: list[dict],
        rescale: bool = False,
    ) -> list[dict[str, Tensor]]:
        """Returns per image dict(bboxes (n, 4), scores (n,), labels (n,) 1..C), best first.

        Args: as of `loss`; rescale: boxes in pixels of the original image.
        """
        outs, counts = self(feats, to_rois(proposals)), [len(own) for own in proposals]
        # (K, C) and (K, B, 4) -> of each image
        scores = self.bbox_head.loss_cls.scores(outs['cls_score']).split(counts)
        parts = zip(scores, outs['bbox_pred'].split(counts), proposals, img_metas, strict=True)
        return [detections(self.bbox_head, *part, self.test_cfg, rescale) for part in parts]
