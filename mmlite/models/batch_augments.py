"""What happens to a training batch on the device, after it is normalised and padded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.registry import TASK_UTILS


@TASK_UTILS.register_module()
class BatchFixedSizePad(nn.Module):
    """Pads every training batch to one size, at the right and bottom.

    As in mmdet the padding then counts as a part of each image: anchors in it are background.

    Args:
        size: (h, w) in pixels; what is larger stays as it is.
        img_pad_value: value of the padding, in normalised space.
    """

    def __init__(self, size: Sequence[int], img_pad_value: float = 0) -> None:
        super().__init__()
        if len(size) != 2 or not all(side >= 1 for side in size):
            raise ConfigError(
                f'BatchFixedSizePad.size: (h, w) in pixels is expected, found {size!r}'
            )
        self.size = tuple(map(int, size))
        self.img_pad_value = img_pad_value

    def forward(self, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Returns the padded batch; `batch_input_shape` and `pad_shape` become `size`."""
        height, width = img.shape[-2:]
        below, beside = max(0, self.size[0] - height), max(0, self.size[1] - width)
        if below or beside:
            # (N, 3, h, w) -> (N, 3, *size)
            img = F.pad(img, (0, beside, 0, below), value=self.img_pad_value)
            for meta in img_metas:
                meta['batch_input_shape'] = tuple(img.shape[-2:])
                meta['pad_shape'] = (*img.shape[-2:], 3)
        return img


@TASK_UTILS.register_module()
class BatchSyncRandomResize(nn.Module):
    """Resizes training batches to another size every few iterations (YOLOX's multi-scale training).

    The size depends on the seed of the run and on the iteration: all processes have the same one,
    and so has a run that is resumed. The first `interval` iterations keep the size of the pipeline,
    and so does a model that no training has called `begin_iteration` of.

    Args:
        random_size_range: (least, greatest) height in pixels, both rounded to a multiple of
            `size_divisor`; the width follows by the ratio of the batch.
        interval: iterations with one size.
        size_divisor: both edges are multiples of it.
    """

    def __init__(
        self, random_size_range: tuple[int, int], interval: int = 10, size_divisor: int = 32
    ) -> None:
        super().__init__()
        if min(interval, size_divisor) < 1:
            raise ConfigError(
                'BatchSyncRandomResize: interval and size_divisor are whole numbers from 1 up, '
                f'found {interval!r} and {size_divisor!r}'
            )
        self.least, self.greatest = (round(side / size_divisor) for side in random_size_range)
        if not 1 <= self.least <= self.greatest:
            raise ConfigError(
                'BatchSyncRandomResize.random_size_range: (least, greatest) in pixels is expected, '
                f'at least {size_divisor}, found {random_size_range!r}'
            )
        self.interval = interval
        self.size_divisor = size_divisor
        self.height: int | None = None  # of this iteration; None: as it comes

    def begin_iteration(self, iteration: int, seed: int) -> None:
        """Chooses the size of a training's iteration, counted from 0."""
        block = iteration // self.interval
        if block == 0:
            self.height = None
        else:
            drawn = np.random.default_rng((seed, block)).integers(self.least, self.greatest + 1)
            self.height = int(drawn) * self.size_divisor

    def forward(self, img: Tensor, img_metas: list[dict]) -> Tensor:
        """Returns the batch at the size of the iteration.

        `img_shape`, `pad_shape` and `batch_input_shape` follow, and `batch_scale` (w, h), what the
        boxes of the batch have to be multiplied by.
        """
        height, width = img.shape[-2:]
        new_height = self.height or height
        steps = int(width / height * (new_height / self.size_divisor))
        new_width = max(1, steps) * self.size_divisor if self.height else width
        if (new_height, new_width) == (height, width):
            return img
        y, x = new_height / height, new_width / width
        for meta in img_metas:
            for key in ('img_shape', 'pad_shape'):
                if key in meta:
                    meta[key] = (int(meta[key][0] * y), int(meta[key][1] * x), *meta[key][2:])
            meta['batch_input_shape'] = (new_height, new_width)
            before = meta.get('batch_scale', (1.0, 1.0))
            meta['batch_scale'] = (before[0] * x, before[1] * y)
        # (N, 3, h, w) -> (N, 3, new_height, new_width)
        return F.interpolate(img, (new_height, new_width), mode='bilinear', align_corners=False)


def scaled_boxes(boxes: Sequence[Tensor] | None, img_metas: list[dict]) -> list[Tensor] | None:
    """Returns the boxes of a batch, per image (g, 4) xyxy, in pixels of the resized batch.

    Args:
        boxes: in pixels of the images as the pipeline made them.
        img_metas: per image, with `batch_scale` where the batch was resized.
    """
    if boxes is None or not any('batch_scale' in meta for meta in img_metas):
        return boxes
    scales = (meta.get('batch_scale', (1.0, 1.0)) for meta in img_metas)
    return [
        one * one.new_tensor([*scale, *scale]) for one, scale in zip(boxes, scales, strict=True)
    ]
