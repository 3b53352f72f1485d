"""Figures about the boxes of a split."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlite.tools.dataset_analysis.splits import NetworkBoxes, Split

SIZE_NAMES = ('small', 'medium', 'large')
_SIZE_LIMITS = (32**2, 96**2)  # square pixels, COCO's
_QUANTILES = (0.05, 0.5, 0.95)


def size_class(sides: np.ndarray) -> np.ndarray:
    """Returns (g,) 0, 1, 2 for small, medium, large, as COCO has it, from sides (g, 2) in pixels.

    COCO itself takes the area of the mask where there is one.
    """
    return np.digitize(sides.prod(axis=1), _SIZE_LIMITS)


def split_figures(split: Split, boxes: NetworkBoxes) -> dict[str, Any]:
    """Returns counts, sizes and ratios of a split, ready for JSON.

    Args:
        split: in original pixels.
        boxes: the same boxes, without the ignored ones and those of zero size, in pixels of the
            network's input.
    """
    use = ~split.ignored
    sides = (split.bboxes[:, 2:] - split.bboxes[:, :2])[use]
    labels, image = split.labels[use], split.image[use]
    per_image = np.bincount(image, minlength=len(split.files))
    network = boxes.sides
    return dict(
        images=len(split.files),
        bad_images=len(split.bad),
        images_without_boxes=int((per_image == 0).sum()),
        remarks=list(split.remarks),
        boxes=len(labels),
        ignored_boxes=int(split.ignored.sum()),
        boxes_per_image=dict(
            mean=float(per_image.mean()),
            median=float(np.median(per_image)),
            most=int(per_image.max(initial=0)),
        ),
        shares=dict(original=_shares(sides), network=_shares(network)),
        classes={
            name: _of_class(
                sides[labels == label], image[labels == label], network[boxes.labels == label]
            )
            for label, name in enumerate(split.classes, 1)
        },
    )


def _of_class(sides: np.ndarray, image: np.ndarray, network: np.ndarray) -> dict[str, Any]:
    """Figures of one class; sides (g, 2) in original pixels and in those of the network."""
    found = dict(boxes=len(sides), images=len(np.unique(image)))
    if not len(network):
        return found
    return found | dict(
        median_wh=np.median(sides, axis=0).tolist(),
        network_wh=np.median(network, axis=0).tolist(),
        ratio=np.quantile(network[:, 1] / network[:, 0], _QUANTILES).tolist(),  # h / w
        shares=_shares(sides),
    )


def _shares(sides: np.ndarray) -> dict[str, float]:
    counts = np.bincount(size_class(sides), minlength=3) / max(len(sides), 1)
    return dict(zip(SIZE_NAMES, counts.tolist(), strict=True))
