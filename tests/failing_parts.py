"""Parts that make a training fail at one image; also a plugin for the command lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmlite.registry import HEADS, TRANSFORMS

BAD = '000003'  # stem of an image of the drawn set
SSDHead = HEADS.get('SSDHead')


def is_bad(results: dict[str, Any]) -> bool:
    """Whether a packed sample is that of the bad image."""
    return Path(results['img_metas'].data['filename']).stem == BAD


@TRANSFORMS.register_module()
class CorruptBox:
    """Comes after PackDetInputs, which leaves such boxes out.

    Turns the second box of the bad image inside out, and makes a side of the third NaN.

    The first makes the box loss NaN; no assigner gives any prior to the other.
    """

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if is_bad(results):
            bboxes = results['gt_bboxes'].data
            bboxes[1] = bboxes[1, [2, 3, 0, 1]]
            bboxes[2, 2] = float('nan')
        return results


@TRANSFORMS.register_module()
class LoseBox:
    """Makes a box of the bad image NaN; no loss shows that."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        if is_bad(results):
            results['gt_bboxes'].data[1] = float('nan')
        return results


class _HeadWithBadImage(SSDHead):
    """Notes for `loss_terms` whether the bad image is in the batch."""

    def loss(self, feats: list[Tensor], img_metas: list[dict], *args: Any) -> dict[str, Tensor]:
        self.is_bad = any(Path(meta['filename']).stem == BAD for meta in img_metas)
        return super().loss(feats, img_metas, *args)


@HEADS.register_module()
class InfiniteGradientHead(_HeadWithBadImage):
    """Its losses are finite, and the gradients of its class scores infinite."""

    def loss_terms(self, outs: dict[str, Tensor], *args: Any) -> dict[str, Tensor]:
        losses = super().loss_terms(outs, *args)
        if self.is_bad:
            score = outs['cls_score']
            losses['loss_cls'] = losses['loss_cls'] + (score - score.detach()).sum().sqrt()
        return losses


@HEADS.register_module()
class DropoutHead(_HeadWithBadImage):
    """Drops half of its input; its box loss is NaN at the bad image, the other one is not."""

    def forward(self, feats: list[Tensor]) -> dict[str, Tensor]:
        return super().forward([torch.dropout(feat, 0.5, self.training) for feat in feats])

    def loss_terms(self, *args: Any) -> dict[str, Tensor]:
        losses = super().loss_terms(*args)
        if self.is_bad:
            losses['loss_bbox'] = losses['loss_bbox'] * float('nan')
        return losses


@HEADS.register_module()
class CountingHead(SSDHead):
    """Its box loss is NaN in the third iteration, whatever comes in."""

    count = 0

    def loss_terms(self, *args: Any) -> dict[str, Tensor]:
        losses = super().loss_terms(*args)
        self.count += 1
        return dict(
            losses, loss_bbox=losses['loss_bbox'] * (float('nan') if self.count == 3 else 1)
        )
