"""CachedMosaic, CachedMixUp: samples mixed with recent ones (RTMDet, Lyu et al. 2022, section 3.3).

The recent samples are pictures that are loaded already, so that a mosaic costs as much as one
picture. What `cache` is decides which these are: `Latest`, a list of what this object has seen, or
in a data set `RecentSamples` (`mmlite/datasets/recent.py`), which no worker changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mmlite.datasets.transforms.arguments import check_probability, fill_value
from mmlite.datasets.transforms.canvas import (
    blended,
    fitted_image,
    mosaic,
    moved_boxes,
    resized_canvas,
)
from mmlite.datasets.transforms.geometry import clip_bboxes, resize_bboxes
from mmlite.datasets.transforms.mix import check_center, draw_center, whole_size
from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS
from mmlite.errors import ConfigError
from mmlite.registry import TRANSFORMS

Sample = dict[str, Any]  # `img`, boxes and labels


class SampleCache(Protocol):
    """Where recent samples come from."""

    def including(self, sample: Sample) -> Sequence[Sample]:
        """Returns the recent samples and this one, which is the last of them."""


class Latest:
    """The latest samples of one object.

    Args:
        size: how many it keeps.
        random_pop: which of them goes when there is one more: any but the newest, or the oldest.
    """

    def __init__(self, size: int, random_pop: bool) -> None:
        self.size = size
        self.random_pop = random_pop
        self.kept: list[Sample] = []

    def including(self, sample: Sample) -> Sequence[Sample]:
        self.kept.append(sample)
        if len(self.kept) > self.size:
            self.kept.pop(np.random.randint(0, len(self.kept) - 1) if self.random_pop else 0)
        return self.kept


class CachedMix:
    """What both share: a subclass has `mix(results, own, recent)`.

    Args:
        img_scale: (w, h) that each picture is fitted into.
        pad_val: BGR of what no picture covers, as of Pad.
        bbox_clip_border: cut boxes at the border.
        max_cached_images: the newest of this number of samples are mixed.
        random_pop: outside of a data set only: which sample leaves a full cache.
        prob: how likely it is done at all.
        least: how many samples have to be there.
    """

    def __init__(
        self,
        img_scale: tuple[int, int],
        pad_val: float | Sequence[float] | dict,
        bbox_clip_border: bool,
        max_cached_images: int,
        random_pop: bool,
        prob: float,
        least: int,
    ) -> None:
        name = type(self).__name__
        check_probability(f'{name}.prob', prob)
        if max_cached_images < least - 1:
            raise ConfigError(
                f'{name}.max_cached_images: at least {least - 1} is expected, found '
                f'{max_cached_images!r}'
            )
        self.img_scale = whole_size(f'{name}.img_scale', img_scale)
        self.pad_val = fill_value(f'{name}.pad_val', pad_val)
        self.bbox_clip_border = bbox_clip_border
        self.max_cached_images = max_cached_images
        self.prob = prob
        self.least = least
        self.cache: SampleCache = Latest(max_cached_images, random_pop)

    def __call__(self, results: Sample) -> Sample:
        own = self.fitted(results)
        recent = self.cache.including(own)
        if len(recent) < self.least or np.random.uniform(0, 1) > self.prob:
            return results
        return self.mix(results, own, recent)

    def mix(self, results: Sample, own: Sample, recent: Sequence[Sample]) -> Sample:
        """Returns `results`, mixed with some of the recent samples.

        Args:
            results: the sample.
            own: the same, fitted.
            recent: fitted ones, the oldest first, and `own` as the last.
        """
        raise NotImplementedError

    def fitted(self, results: Sample) -> Sample:
        """Returns picture, boxes and labels at the largest size that fits into `img_scale`."""
        img, factor = fitted_image(results['img'], self.img_scale)
        return dict(img=img, **moved_boxes(results, np.float32([factor, factor]), (0, 0)))


@TRANSFORMS.register_module()
class CachedMosaic(CachedMix):
    """A Mosaic of the sample and three recent ones, once four others are there.

    Args (as of Mosaic, and):
        max_cached_images: the newest of this number of samples are mixed; the sample is one of
            them.
        random_pop: outside of a data set only: a full cache loses any sample, not the oldest.

    Raises:
        ConfigError: an argument out of its range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int] = (640, 640),
        center_ratio_range: tuple[float, float] = (0.5, 1.5),
        bbox_clip_border: bool = True,
        pad_val: float | Sequence[float] | dict = 114.0,
        prob: float = 1.0,
        max_cached_images: int = 40,
        random_pop: bool = True,
    ) -> None:
        super().__init__(
            img_scale, pad_val, bbox_clip_border, max_cached_images, random_pop, prob, least=5
        )
        self.center_ratio_range = check_center('CachedMosaic', center_ratio_range)

    def mix(self, results: Sample, own: Sample, recent: Sequence[Sample]) -> Sample:
        others = [recent[i] for i in self.choose(recent)]
        center = draw_center(self.center_ratio_range, self.img_scale)
        return mosaic(
            results, [own, *others], center, self.img_scale, self.pad_val, self.bbox_clip_border
        )

    def choose(self, recent: Sequence[Sample]) -> list[int]:
        """Returns which three are taken; as in mmdet never the newest, the sample itself."""
        return [np.random.randint(0, len(recent) - 1) for _ in range(3)]


@TRANSFORMS.register_module()
class CachedMixUp(CachedMix):
    """The mean of the sample and a recent one, once there is another.

    Args (as of MixUp, and):
        max_cached_images: the newest of this number of samples are mixed; the sample is one of
            them.
        random_pop: outside of a data set only: a full cache loses any sample, not the oldest.
        prob: how likely it is done at all.

    Raises:
        ConfigError: an argument out of its range.
    """

    def __init__(
        self,
        img_scale: tuple[int, int] = (640, 640),
        ratio_range: tuple[float, float] = (0.5, 1.5),
        flip_ratio: float = 0.5,
        pad_val: float | Sequence[float] | dict = 114.0,
        max_iters: int = 15,
        bbox_clip_border: bool = True,
        max_cached_images: int = 20,
        random_pop: bool = True,
        prob: float = 1.0,
    ) -> None:
        super().__init__(
            img_scale, pad_val, bbox_clip_border, max_cached_images, random_pop, prob, least=2
        )
        self.ratio_range = ratio_range
        self.flip_ratio = flip_ratio
        self.max_iters = max_iters

    def mix(self, results: Sample, own: Sample, recent: Sequence[Sample]) -> Sample:
        other = recent[self.choose(recent)]
        if not len(other['gt_bboxes']):
            return results
        jitter = np.random.uniform(*self.ratio_range)
        flip = np.random.uniform(0, 1) > self.flip_ratio
        size = tuple(max(1, int(side * jitter)) for side in self.img_scale)
        boxes = self._jittered(other, jitter, size)
        beyond = [size[axis] - results['img'].shape[1 - axis] for axis in (0, 1)]
        y, x = (-np.random.randint(0, more) if more > 0 else 0 for more in reversed(beyond))
        second = resized_canvas(other['img'], self.img_scale, size, self.pad_val)
        return blended(results, second, boxes, flip, (x, y), self.pad_val, self.bbox_clip_border)

    def choose(self, recent: Sequence[Sample]) -> int:
        """Returns which one is taken, with a box if possible; as in mmdet never the newest."""
        for _ in range(self.max_iters):
            index = np.random.randint(0, len(recent) - 1)
            if len(recent[index]['gt_bboxes']):
                break
        return index

    def _jittered(self, sample: Sample, jitter: float, size: tuple[int, int]) -> Sample:
        """The boxes and labels of a fitted sample that is resized again, to `size` (w, h)."""
        boxes = {key: value for key, value in sample.items() if key != 'img'}
        for key in BOX_KEYS:
            if key in boxes:
                bboxes = resize_bboxes(boxes[key], np.float32(jitter))
                boxes[key] = clip_bboxes(bboxes, size) if self.bbox_clip_border else bboxes
        return boxes
