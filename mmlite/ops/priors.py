"""Priors: the reference boxes of every location of every feature map.

A generator holds the base priors of each level, centred on the first cell, and shifts them over
the map: `priors, num_per_level = generator(featmap_sizes, like)`. Order within a level: rows,
then columns, then the priors of one location. A head reads `num_priors_per_location` from it, so
the two cannot disagree.

Priors of a map's size are made once and kept: nobody may write into what a generator returns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mmlite.errors import ConfigError

_KEPT_SIZES = 16  # multi-scale training has more; 1333 x 800 takes 4 MB of RetinaNet's anchors


class GridPriors:
    """Base priors shifted over the cells of each level.

    Args:
        strides: pixels per cell, one per level, or (w, h) pairs.
        base_priors: per level (A, 4), xyxy in pixels, placed at the first cell.
        input_size: side of the only input the sizes are made for; None if any input will do.
    """

    pixel = 0  # what a box of x1..x2 spans beyond x2 - x1: 1 in mmdet 1.x

    def __init__(
        self, strides: Sequence, base_priors: Sequence[Tensor], input_size: int | None = None
    ) -> None:
        self.strides = [_pair(stride) for stride in strides]
        self.base_priors = list(base_priors)
        self.input_size = input_size
        self._kept: dict[tuple, tuple[Tensor, list[int]]] = {}
        self._on_devices: dict[torch.device, list[Tensor]] = {}

    @property
    def num_levels(self) -> int:
        return len(self.strides)

    @property
    def num_priors_per_location(self) -> list[int]:
        return [len(base) for base in self.base_priors]

    def __call__(
        self, featmap_sizes: Sequence[tuple[int, int]], like: Tensor
    ) -> tuple[Tensor, list[int]]:
        """Returns the priors (R, 4) on the device of `like`, and their count per level.

        Args:
            featmap_sizes: (h, w) of each level.
            like: a tensor on the wanted device.

        Raises:
            ConfigError: the number of feature maps is not the number of levels.
        """
        self._check_levels(featmap_sizes)
        key = (tuple(map(tuple, featmap_sizes)), like.device)
        if key not in self._kept:
            if len(self._kept) >= _KEPT_SIZES:
                self._kept.pop(next(iter(self._kept)))
            with torch.inference_mode(False):  # what is made in it can never take part in training
                self._kept[key] = self._make(featmap_sizes, like.device)
        return self._kept[key]

    def _make(
        self, featmap_sizes: Sequence[tuple[int, int]], device: torch.device
    ) -> tuple[Tensor, list[int]]:
        if device not in self._on_devices:  # a copy to a GPU holds up what computes there
            self._on_devices[device] = [base.to(device) for base in self.base_priors]
        strides = self.strides_of(featmap_sizes)
        levels = [
            self._shift(base, stride, size)
            for base, stride, size in zip(
                self._on_devices[device], strides, featmap_sizes, strict=True
            )
        ]
        return torch.cat(levels), [len(level) for level in levels]  # L of (R_l, 4) -> (R, 4)

    def strides_of(self, featmap_sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Returns the steps (w, h) in pixels between the cells of maps of these sizes."""
        return self.strides

    def inside(
        self,
        featmap_sizes: Sequence[tuple[int, int]],
        pad_shape: tuple[int, int],
        like: Tensor,
    ) -> tuple[Tensor, list[int]] | None:
        """Returns the priors whose cell lies inside an image of `pad_shape` (h, w); None for all.

        In a batch of uneven images the cells beyond an image's own padding see nothing of it.

        Returns:
            their indices (r,) int64 and their number in each level.
        """
        inds, start = [], 0
        for (stride_w, stride_h), (height, width), count in zip(
            self.strides, featmap_sizes, self.num_priors_per_location, strict=True
        ):
            rows = min(height, math.ceil(pad_shape[0] / stride_h))
            columns = min(width, math.ceil(pad_shape[1] / stride_w))
            # all of it is counted on the host: a mask would have the device asked for its sum
            first = torch.arange(rows, device=like.device)[:, None] * width
            # (rows, 1) + (columns,) -> (rows, columns) -> (cells, 1)
            cells = (first + torch.arange(columns, device=like.device)).reshape(-1, 1)
            # (cells, 1) + (A,) -> (cells, A) -> (cells * A,)
            inds.append(
                (start + cells * count + torch.arange(count, device=like.device)).reshape(-1)
            )
            start += height * width * count
        num_per_level = [len(level) for level in inds]
        return None if sum(num_per_level) == start else (torch.cat(inds), num_per_level)

    def _shift(self, base: Tensor, stride: tuple[int, int], size: tuple[int, int]) -> Tensor:
        y = torch.arange(size[0], device=base.device, dtype=torch.float32) * stride[1]
        x = torch.arange(size[1], device=base.device, dtype=torch.float32) * stride[0]
        yy, xx = torch.meshgrid(y, x, indexing='ij')  # (H,), (W,) -> each (H, W)
        # 4 of (H, W) -> (H, W, 4) -> (H * W, 1, 4)
        shifts = torch.stack([xx, yy, xx, yy], dim=-1).reshape(-1, 1, 4)
        # (H * W, 1, 4) + (A, 4) -> (H * W, A, 4) -> (H * W * A, 4)
        return (shifts + base).reshape(-1, 4)

    def _check_levels(self, featmap_sizes: Sequence) -> None:
        if len(featmap_sizes) != self.num_levels:
            raise ConfigError(
                f'{type(self).__name__} has {self.num_levels} strides {self.strides}, but the '
                f'model gives {len(featmap_sizes)} feature maps {list(featmap_sizes)}'
            )


class AnchorGenerator(GridPriors):
    """Boxes of several scales and ratios at each location (RetinaNet, Lin et al. 2017, section 4).

    The box of scale s and ratio r (h / w) at a level of base size b has the area (s * b)^2.

    Args:
        strides: pixels per cell of each level.
        ratios: h / w.
        scales: sides of the square box in base sizes; or in their place
        octave_base_scale, scales_per_octave: n scales octave_base_scale * 2^(i / n).
        base_sizes: pixels per level; the strides if left out.
        scale_major: boxes of one ratio follow each other; else those of one scale.
        centers: (x, y) in pixels of the first cell's boxes in each level.
        center_offset: the same as a share of the base size; 0 is the cell's top left corner, where
            mmdet's RetinaNet has them.

    Raises:
        ConfigError: arguments that do not fit together.
    """

    def __init__(
        self,
        strides: Sequence,
        ratios: Sequence[float],
        scales: Sequence[float] | None = None,
        base_sizes: Sequence[float] | None = None,
        scale_major: bool = True,
        octave_base_scale: float | None = None,
        scales_per_octave: int | None = None,
        centers: Sequence[tuple[float, float]] | None = None,
        center_offset: float = 0.0,
    ) -> None:
        octaves = (octave_base_scale, scales_per_octave)
        if (scales is None) == (None in octaves) or (scales is not None and octaves != (None,) * 2):
            raise ConfigError(
                'AnchorGenerator: give either scales, or octave_base_scale and scales_per_octave; '
                f'found scales={scales!r}, octave_base_scale={octave_base_scale!r}, '
                f'scales_per_octave={scales_per_octave!r}'
            )
        if scales is None:
            steps = range(scales_per_octave)
            scales = [octave_base_scale * 2 ** (i / scales_per_octave) for i in steps]
        base_sizes = base_sizes or [min(_pair(stride)) for stride in strides]
        centers = centers or [(center_offset * (size - self.pixel),) * 2 for size in base_sizes]
        if not len(strides) == len(base_sizes) == len(centers):
            raise ConfigError(
                f'AnchorGenerator: one entry per level is expected, found {len(strides)} strides, '
                f'{len(base_sizes)} base_sizes, {len(centers)} centers'
            )
        sizes = [(scale, ratio) for ratio in ratios for scale in scales]
        if not scale_major:
            sizes = [(scale, ratio) for scale in scales for ratio in ratios]
        base_priors = [
            _boxes_at(
                center, [_sides(scale * base_size, ratio) for scale, ratio in sizes], self.pixel
            )
            for base_size, center in zip(base_sizes, centers, strict=True)
        ]
        super().__init__(strides, base_priors)


class LegacyAnchorGenerator(AnchorGenerator):
    """The anchors of mmdet 1.x, for its checkpoints: give it center_offset=0.5."""

    pixel = 1


class MlvlPointGenerator(GridPriors):
    """One point at each location, as a square of side = stride around it (FCOS, section 3.1).

    Args:
        strides: pixels per cell of each level.
        offset: where in its cell the point lies, as a share of the stride.
    """

    def __init__(self, strides: Sequence, offset: float = 0.5) -> None:
        pairs = [_pair(stride) for stride in strides]
        base_priors = [_boxes_at((offset * w, offset * h), [(w, h)]) for w, h in pairs]
        super().__init__(strides, base_priors)


# of YOLOv3's boxes on COCO (section 2.3), for the strides 32, 16 and 8
_YOLO_SIZES = (
    ((116, 90), (156, 198), (373, 326)),
    ((30, 61), (62, 45), (59, 119)),
    ((10, 13), (16, 30), (33, 23)),
)


class YOLOAnchorGenerator(GridPriors):
    """Boxes of given sides in the middle of each cell (YOLOv3, Redmon and Farhadi 2018, sec. 2.3).

    Args:
        strides: pixels per cell of each level.
        base_sizes: per level the sides (w, h) in pixels of its boxes.

    Raises:
        ConfigError: another number of levels in the two.
    """

    def __init__(
        self,
        strides: Sequence = (32, 16, 8),
        base_sizes: Sequence[Sequence] = _YOLO_SIZES,
    ) -> None:
        if len(strides) != len(base_sizes):
            raise ConfigError(
                'YOLOAnchorGenerator: one entry per level is expected, found '
                f'{len(strides)} strides and {len(base_sizes)} base_sizes'
            )
        pairs = [_pair(stride) for stride in strides]
        base_priors = [
            _boxes_at((w / 2, h / 2), [_pair(size) for size in sizes])
            for (w, h), sizes in zip(pairs, base_sizes, strict=True)
        ]
        super().__init__(strides, base_priors)


class TorchvisionAnchorGenerator(GridPriors):
    """The anchors that torchvision's RetinaNet and FCOS are trained with.

    Corners are rounded to whole pixels around the cell's top left corner. Where a map does not
    divide the input, such as 3 cells of stride 128 in 320 pixels, the anchors are closer than
    that: input // cells pixels apart.

    Args:
        strides: pixels per cell of each level; the first must divide the input.
        sizes: per level the sides of the square anchor in pixels.
        ratios: h / w.
    """

    def __init__(
        self, strides: Sequence, sizes: Sequence[Sequence[float]], ratios: Sequence[float]
    ) -> None:
        if len(strides) != len(sizes):
            raise ConfigError(
                f'TorchvisionAnchorGenerator: one entry per level is expected, found '
                f'{len(strides)} strides and {len(sizes)} sizes'
            )
        base_priors = [
            _boxes_at((0.0, 0.0), [_sides(side, r) for r in ratios for side in level]).round()
            for level in sizes
        ]
        super().__init__(strides, base_priors)

    def strides_of(self, featmap_sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Returns input // cells, (w, h) of each level."""
        height, width = featmap_sizes[0]
        input_w, input_h = width * self.strides[0][0], height * self.strides[0][1]
        return [(input_w // columns, input_h // rows) for rows, columns in featmap_sizes]

    def inside(
        self,
        featmap_sizes: Sequence[tuple[int, int]],
        pad_shape: tuple[int, int],
        like: Tensor,
    ) -> None:
        """Returns None, all: anchors in the padding are background, as in torchvision."""


class SSDAnchorGenerator(GridPriors):
    """SSD's default boxes (Liu et al. 2016, section 2.2, with the sizes of the released models).

    Each location of level k has a square of side min_k, one of side sqrt(min_k * max_k), and for
    every ratio r the pair 1/r and r (h / w) of area min_k^2.

    Args:
        strides: pixels per cell of each level.
        ratios: per level the ratios beside 1.
        min_sizes, max_sizes: sides in pixels per level; if left out, they follow from
            `input_size` and `basesize_ratio_range`.
        basesize_ratio_range: smallest and largest side as a share of the input, spread evenly
            over all levels but the first. The first level has a size of its own: the released
            models' for input 300 and 512, half the smallest side elsewhere.
        input_size: side of the input in pixels.
        scale_major: False; mmdet's configs carry it.
        clip_sides: no side is longer than the input, as in torchvision.

    Raises:
        ConfigError: arguments that do not fit together.
    """

    def __init__(
        self,
        strides: Sequence,
        ratios: Sequence[Sequence[float]],
        min_sizes: Sequence[float] | None = None,
        max_sizes: Sequence[float] | None = None,
        basesize_ratio_range: Sequence[float] = (0.15, 0.9),
        input_size: int | None = None,
        scale_major: bool = False,
        clip_sides: bool = False,
    ) -> None:
        if scale_major:
            raise ConfigError('SSDAnchorGenerator: scale_major=True is not SSD; leave it out')
        if (min_sizes is None) != (max_sizes is None):
            raise ConfigError('SSDAnchorGenerator: give both min_sizes and max_sizes, or neither')
        if min_sizes is None:
            input_size = input_size or 300
            min_sizes, max_sizes = ssd_sizes(input_size, basesize_ratio_range, len(strides))
        counts = {len(strides), len(ratios), len(min_sizes), len(max_sizes)}
        if len(counts) > 1:
            raise ConfigError(
                f'SSDAnchorGenerator: one entry per level is expected, found {len(strides)} '
                f'strides, {len(ratios)} ratios, {len(min_sizes)} min_sizes, '
                f'{len(max_sizes)} max_sizes'
            )
        if clip_sides and input_size is None:
            raise ConfigError('SSDAnchorGenerator: clip_sides=True needs input_size')
        longest = input_size if clip_sides else math.inf
        base_priors = [
            _default_boxes(stride, *sizes, longest, self.pixel)
            for stride, *sizes in zip(
                map(_pair, strides), min_sizes, max_sizes, ratios, strict=True
            )
        ]
        super().__init__(strides, base_priors, input_size)


class LegacySSDAnchorGenerator(SSDAnchorGenerator):
    """The default boxes of mmdet 1.x, for its checkpoints."""

    pixel = 1


# (input size, smallest ratio in %) -> ratio in % of the first level, as the released models have it
_FIRST_LEVEL = {(300, 15): 7, (300, 20): 10, (512, 10): 4, (512, 15): 7}


def ssd_sizes(
    input_size: int, ratio_range: Sequence[float], num_levels: int
) -> tuple[list[int], list[int]]:
    """Returns min_sizes and max_sizes of SSD's levels in pixels, whole numbers as in Caffe.

    Raises:
        ConfigError: fewer than three levels, or a range too narrow for them.
    """
    low, high = (int(ratio * 100) for ratio in ratio_range)
    step = (high - low) // (num_levels - 2) if num_levels > 2 else 0
    if step <= 0:
        raise ConfigError(
            f'SSDAnchorGenerator: basesize_ratio_range {tuple(ratio_range)} cannot be spread over '
            f'{num_levels} levels; give min_sizes and max_sizes'
        )
    ratios = list(range(low, high + 1, step))[: num_levels - 1]
    first = _FIRST_LEVEL.get((input_size, low), low // 2)
    min_ratios = [first, *ratios]
    max_ratios = [low, *(ratio + step for ratio in ratios)]
    return (
        [int(input_size * ratio / 100) for ratio in min_ratios],
        [int(input_size * ratio / 100) for ratio in max_ratios],
    )


def _default_boxes(
    stride: tuple[int, int],
    min_size: float,
    max_size: float,
    ratios: Sequence[float],
    longest: float,
    pixel: int,
) -> Tensor:
    sides = [(min_size, min_size), (math.sqrt(min_size * max_size),) * 2]
    sides += [_sides(min_size, h_by_w) for ratio in ratios for h_by_w in (1 / ratio, ratio)]
    sides = [(min(w, longest), min(h, longest)) for w, h in sides]
    return _boxes_at(((stride[0] - pixel) / 2, (stride[1] - pixel) / 2), sides, pixel)


def _sides(size: float, ratio: float) -> tuple[float, float]:
    """Returns (w, h) of area size^2 and h / w = ratio."""
    root = math.sqrt(ratio)
    return size / root, size * root


def _boxes_at(
    center: tuple[float, float], sides: Sequence[tuple[float, float]], pixel: int = 0
) -> Tensor:
    """Returns boxes (A, 4), xyxy, of the given (w, h) around `center` (x, y).

    With `pixel` = 1 corners are whole pixels and belong to the box, as mmdet 1.x counts.
    """
    center, half = torch.tensor(center), (torch.tensor(sides) - pixel) / 2
    # (2,) - (A, 2), (2,) + (A, 2) -> (A, 4)
    bboxes = torch.cat([center - half, center + half], dim=1)
    return bboxes.round() if pixel else bboxes


def _pair(value) -> tuple[int, int]:
    return (value, value) if isinstance(value, (int, float)) else tuple(value)


def stride_of_each(prior_generator: GridPriors, maps: Sequence[Tensor]) -> Tensor:
    """The stride of each prior in pixels (1, R, 1), from one map (N, ?, H, W) for each level."""
    levels = [
        m.new_full((1, m.shape[-2] * m.shape[-1] * count, 1), stride, dtype=torch.float32)
        for m, count, (stride, _) in zip(
            maps,
            prior_generator.num_priors_per_location,
            prior_generator.strides,
            strict=True,
        )
    ]
    return torch.cat(levels, dim=1)
