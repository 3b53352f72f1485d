"""Parts with a mistake in them, as a plugin's author makes it; configs name them by their path."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from mmlite.datasets import VOCDataset
from mmlite.datasets.transforms import LoadImageFromFile
from mmlite.models.backbones.resnet import ResNet
from mmlite.ops.coders import DeltaXYWHBBoxCoder


class ToUnitRange:
    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['img'] = results['img'].astype(np.float32) / 255
        return results


class ScaleBoxesAgain:
    """Resize has moved them already."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['gt_bboxes'] = results['gt_bboxes'] * results['scale_factor']
        return results


class FlipPictureOnly:
    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['img'] = results['img'][:, ::-1]
        return results


class ForgetsScale:
    """Detections are brought back to the original image by this factor."""

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['scale_factor'] = np.ones(4, np.float32)
        return results


class EveryBoxTwice(VOCDataset):
    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            record['ann'] = {key: np.concatenate([v, v]) for key, v in record['ann'].items()}
        return records


class LabelsFromZero(VOCDataset):
    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            record['ann']['labels'] = record['ann']['labels'] - 1
        return records


class LabelsFromTwo(VOCDataset):
    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            record['ann']['labels'] = record['ann']['labels'] + 1
        return records


class BoxesAsShares(VOCDataset):
    """Boxes from 0 to 1, as YOLO's files have them."""

    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            sides = np.array([record['width'], record['height']] * 2, np.float32)
            record['ann']['bboxes'] = record['ann']['bboxes'] / sides
        return records


class XAndYSwapped(VOCDataset):
    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            record['ann']['bboxes'] = record['ann']['bboxes'][:, [1, 0, 3, 2]]
        return records


class LoadGrey:
    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results = LoadImageFromFile()(results)
        results['img'] = results['img'].mean(axis=2, keepdims=True).astype(np.uint8)
        return results


class TurnPictureOnly:
    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        results['img'] = np.ascontiguousarray(np.rot90(results['img'], 2))
        return results


class WidthsAsCorners(VOCDataset):
    """x, y, w, h where x1, y1, x2, y2 are expected."""

    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            bboxes = record['ann']['bboxes'].copy()
            bboxes[:, 2:] -= bboxes[:, :2]
            record['ann']['bboxes'] = bboxes
        return records


class CornersAsWidths(VOCDataset):
    """x1, y1, x2, y2 read as x, y, w, h."""

    def load_records(self) -> list[dict]:
        records = super().load_records()
        for record in records:
            bboxes = record['ann']['bboxes'].copy()
            bboxes[:, 2:] += bboxes[:, :2]
            record['ann']['bboxes'] = bboxes
        return records


class ForgetsStds(DeltaXYWHBBoxCoder):
    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        plain = DeltaXYWHBBoxCoder(clip_border=self.clip_border)
        return plain.decode(priors, deltas, max_shape)


class ForgetsTheBorder(DeltaXYWHBBoxCoder):
    """Boxes moved to the left, and out of the image."""

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        bboxes = super().decode(priors, deltas, max_shape).clone()
        bboxes[..., 0::2] -= 50
        return bboxes


class Detached(ResNet):
    def forward(self, x: Tensor) -> list[Tensor]:
        return [feat.detach() for feat in super().forward(x)]
