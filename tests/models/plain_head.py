"""A head that is no DenseHead: one box and one class for each image, from its smallest map."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.registry import HEADS


@HEADS.register_module()
class PlainHead(nn.Module):
    """Has what a SingleStageDetector asks of a head, and no more: no priors, no train_cfg."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.classes = nn.Linear(in_channels, num_classes)
        self.box = nn.Linear(in_channels, 4)

    def loss(self, feats, img_metas, gt_bboxes, gt_labels, gt_bboxes_ignore=None):
        pooled = feats[-1].mean(dim=(2, 3))  # (N, C, h, w) -> (N, C)
        labels = torch.stack([labels[0] for labels in gt_labels]) - 1
        bboxes = torch.stack([bboxes[0] for bboxes in gt_bboxes])
        return dict(
            loss_cls=F.cross_entropy(self.classes(pooled), labels),
            loss_bbox=F.l1_loss(self.box(pooled), bboxes) / 100,
        )

    def predict(self, feats, img_metas, rescale=False) -> list[dict[str, Tensor]]:
        pooled = feats[-1].mean(dim=(2, 3))
        scores, inds = self.classes(pooled).softmax(dim=1).max(dim=1)
        return [
            dict(bboxes=box[None], scores=score[None], labels=label[None] + 1)
            for box, score, label in zip(self.box(pooled), scores, inds, strict=True)
        ]
