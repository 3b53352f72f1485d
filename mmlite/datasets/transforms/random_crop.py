"""RandomCrop: a patch at a random place, with the boxes it sees."""

from __future__ import annotations

from typing import Any

import numpy as np

from mmlite.datasets.transforms.arguments import pixel_size
from mmlite.datasets.transforms.geometry import crop_bboxes, crop_image, overlaps_patch
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_boxes, set_image
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

_CROP_TYPES = ('absolute', 'absolute_range', 'relative', 'relative_range')


@TRANSFORMS.register_module()
class RandomCrop:
    """Crops `img` and drops the boxes of which nothing is left; None where no box is left.

    Args:
        crop_size: what it means says `crop_type`.
        crop_type: 'absolute': (w, h) in pixels, at most the picture; 'absolute_range': both edges
            are drawn between the two numbers; 'relative': (w, h) as shares of the picture;
            'relative_range': shares are drawn between these and 1.
        allow_negative_crop: keep a patch without a box.
        recompute_bbox: boxes from masks; it changes nothing here, where there are no masks.
        bbox_clip_border: cut boxes at the border of the patch.

    Raises:
        ConfigError: an unknown `crop_type`, or a size that it cannot have.
    """

    takes_window = True

    def __init__(
        self,
        crop_size: tuple[float, float],
        crop_type: str = 'absolute',
        allow_negative_crop: bool = False,
        recompute_bbox: bool = False,
        bbox_clip_border: bool = True,
    ) -> None:
        if crop_type not in _CROP_TYPES:
            raise ConfigError(
                f'RandomCrop.crop_type: one of {", ".join(_CROP_TYPES)} is expected, '
                f'found {crop_type!r}'
            )
        largest = 1 if crop_type.startswith('relative') else np.inf
        if len(crop_size) != 2 or not all(0 < side <= largest for side in crop_size):
            raise ConfigError(
                f"RandomCrop.crop_size: two numbers above 0 (for 'relative' up to 1) are expected, "
                f'found {crop_size!r}'
            )
        if largest > 1:
            pixel_size('RandomCrop.crop_size', crop_size, "crop_type='relative'")
        self.crop_size = tuple(crop_size)
        self.crop_type = crop_type
        self.allow_negative_crop = allow_negative_crop
        self.bbox_clip_border = bbox_clip_border

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        img = results['img']
        width, height = img.shape[1::-1]
        crop_w, crop_h = self.draw_size(width, height)
        left = np.random.randint(width - crop_w + 1)
        top = np.random.randint(height - crop_h + 1)
        patch = (left, top, left + crop_w, top + crop_h)
        kept = {key: overlaps_patch(results[key], patch) for key in BOX_KEYS if key in results}
        if not (self.allow_negative_crop or kept.get('gt_bboxes', np.ones(1, bool)).any()):
            return None
        set_image(results, crop_image(img, patch))
        for key, seen in kept.items():
            bboxes = crop_bboxes(results[key], patch, self.bbox_clip_border)
            set_boxes(results, key, bboxes, seen)
        return results

    def draw_size(self, width: int, height: int) -> tuple[int, int]:
        """Returns the (w, h) of the patch for a picture of `width` and `height`."""
        first, second = self.crop_size
        if self.crop_type == 'absolute':
            return min(int(first), width), min(int(second), height)
        if self.crop_type == 'absolute_range':
            low, high = int(min(first, second)), int(max(first, second))
            return tuple(
                np.random.randint(min(side, low), min(side, high) + 1) for side in (width, height)
            )
        if self.crop_type == 'relative_range':
            first, second = (share + np.random.random() * (1 - share) for share in self.crop_size)
        return max(1, int(width * first + 0.5)), max(1, int(height * second + 0.5))
