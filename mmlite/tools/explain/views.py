"""The pictures of the hops on the device: the batch, feature maps, scores, targets, detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from torch import Tensor, nn

from mmlite.datasets.transforms import inverse_transform
from mmlite.visualization import class_colour, contact_sheet, draw_ground_truth
from mmlite.visualization.pictures import enlarged

CaptionedPicture = tuple[str, np.ndarray]  # caption, (h, w, 3) BGR uint8
_CELL = (300, 240)


def pictures_sheet(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the pictures of a batch on one sheet."""
    return contact_sheet(pictures, columns=4, cell=_CELL)


def batch_pictures(img: Tensor, metas: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
    """Returns the pictures of a batch (N, 3, h, w) before the preprocessor, with their padding."""
    norms = [meta.get('img_norm_cfg') for meta in metas]
    return [
        inverse_transform(one, dict(img_norm_cfg=norm) if norm else None)
        for one, norm in zip(img, norms, strict=True)
    ]


def input_pictures(
    img: Tensor, metas: Sequence[Mapping[str, Any]], preprocessor: nn.Module
) -> list[np.ndarray]:
    """Returns the pictures of the network's input, with the normalisation undone."""
    norm = getattr(preprocessor, 'mean_std', None)
    if norm is None:
        flipped = img.flip(1) if getattr(preprocessor, 'bgr_to_rgb', False) else img
        return batch_pictures(flipped, metas)
    return [inverse_transform(one, None, *norm, preprocessor.bgr_to_rgb) for one in img]


def raw_picture(img: Tensor) -> np.ndarray:
    """Returns a normalised image (3, h, w) as it is, its range stretched to 0-255, as BGR."""
    values = img.detach().cpu().float()
    low, high = values.min(), values.max()
    stretched = ((values - low) / (high - low).clamp(min=1e-6) * 255).round()
    return np.ascontiguousarray(stretched.numpy().astype(np.uint8).transpose(1, 2, 0)[..., ::-1])


def heat_maps(maps: Sequence[Tensor]) -> np.ndarray:
    """Returns a sheet of maps (h, w), each from its own least (dark) to greatest (bright) value."""
    cells = []
    for values in maps:
        values = values.detach().cpu().float().numpy()
        span = max(float(np.ptp(values)), 1e-12)
        grey = ((values - values.min()) / span * 255).astype(np.uint8)
        size = [max(1, round(side * 240 / max(grey.shape))) for side in grey.shape[::-1]]
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_NEAREST)
        cells.append(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS))
    return contact_sheet(cells, columns=5, cell=(240, 200))


def score_maps(
    scores: Tensor, num_per_level: Sequence[int], sizes: Sequence[tuple[int, int]]
) -> list[Tensor]:
    """Returns per level the best score at each cell (h, w), from the scores (R, C) of an image."""
    best = scores.detach().amax(dim=-1).split(list(num_per_level))
    return [level.reshape(*size, -1).amax(dim=-1) for level, size in zip(best, sizes, strict=True)]


def positives_picture(
    img: np.ndarray,
    priors: Tensor,
    matched_gt: Sequence[int],
    gt_bboxes: Tensor,
    gt_labels: Tensor,
    classes: Sequence[str],
) -> np.ndarray:
    """Draws the positive priors of an image in the colour of the box that each has to find.

    Args:
        img: (h, w, 3) BGR.
        priors: (p, 4) xyxy, the positive ones.
        matched_gt: (p,) the row of its box.
        gt_bboxes, gt_labels: (g, 4), (g,).
        classes: names.
    """
    img, zoom = enlarged(img)
    for box, gt in zip((priors * zoom).round().int().tolist(), matched_gt, strict=True):
        cv2.rectangle(img, box[:2], box[2:], class_colour(gt + 1), 1)
    return draw_ground_truth(img, gt_bboxes.cpu() * zoom, gt_labels.cpu(), classes)


def boxes_picture(img: np.ndarray, bboxes: Tensor) -> np.ndarray:
    """Draws boxes (p, 4), xyxy in pixels of the picture, without names."""
    img, zoom = enlarged(img)
    img = np.ascontiguousarray(img)
    for box in (bboxes.detach().cpu() * zoom).round().int().tolist():
        cv2.rectangle(img, box[:2], box[2:], class_colour(1), 1)
    return img
