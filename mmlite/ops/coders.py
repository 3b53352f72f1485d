"""Box coders: `encode(priors, bboxes)` and `decode(priors, deltas)` are inverse to each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from mmlite.ops.boxes import clip_boxes

# A width grows by at most 1000/16 in one decode: an untrained head must not overflow exp().
_MAX_LOG_RATIO = math.log(1000 / 16)


def on_device(values: tuple[float, ...], like: Tensor) -> Tensor:
    """Returns the numbers as a tensor of the device and dtype of `like`; one copy, then kept."""
    return _constant(values, like.device, like.dtype)


@lru_cache(maxsize=64)
def _constant(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    with torch.inference_mode(False):  # what is made in it can never take part in training
        return torch.tensor(values, device=device, dtype=dtype)


class DeltaXYWHBBoxCoder:
    """Offsets of the centre and logarithms of the sides (R-CNN, Girshick et al. 2014, app. C).

        d = ((gx - px) / pw, (gy - py) / ph, log(gw / pw), log(gh / ph)),   delta = (d - m) / s

    Args:
        target_means: m, four numbers.
        target_stds: s, four numbers.
        clip_border: clip decoded boxes to the image.
        bound_shrinking: a side decodes to no less than 16/1000 of its prior's, as in mmdet; False
            bounds its growth only, as torchvision does.
        add_ctr_clamp: YOLOF's: a centre moves by at most `ctr_clamp` pixels, and shrinking has no
            bound.
    """

    pixel = 0  # what a box of x1..x2 spans beyond x2 - x1: 1 in mmdet 1.x

    def __init__(
        self,
        target_means: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
        target_stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
        clip_border: bool = True,
        bound_shrinking: bool = True,
        add_ctr_clamp: bool = False,
        ctr_clamp: float = 32,
    ) -> None:
        self.means = tuple(map(float, target_means))
        self.stds = tuple(map(float, target_stds))
        self.clip_border = clip_border
        bounded = bound_shrinking and not add_ctr_clamp
        self.least_log_ratio = -_MAX_LOG_RATIO if bounded else None
        self.longest_shift = ctr_clamp if add_ctr_clamp else None

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns deltas (n, 4) that take `priors` (n, 4) to `bboxes` (n, 4)."""
        prior_wh = priors[:, 2:] - priors[:, :2] + self.pixel  # (n, 4) -> (n, 2)
        box_wh = bboxes[:, 2:] - bboxes[:, :2] + self.pixel
        centre_shift = (bboxes[:, :2] + bboxes[:, 2:] - priors[:, :2] - priors[:, 2:]) / 2
        # (n, 2), (n, 2) -> (n, 4)
        deltas = torch.cat([centre_shift / prior_wh, torch.log(box_wh / prior_wh)], dim=1)
        return (deltas - on_device(self.means, deltas)) / on_device(self.stds, deltas)

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4) from `priors` (n, 4) and `deltas` (n, 4).

        Args:
            priors: xyxy, input pixels.
            deltas: what the head predicts.
            max_shape: (h, w) of the image that boxes are clipped to.
        """
        deltas = deltas * on_device(self.stds, deltas) + on_device(self.means, deltas)
        prior_wh = priors[:, 2:] - priors[:, :2] + self.pixel
        shift = prior_wh * deltas[:, :2]
        if self.longest_shift is not None:
            shift = shift.clamp(-self.longest_shift, self.longest_shift)
        centre = (priors[:, :2] + priors[:, 2:]) / 2 + shift
        half = prior_wh * deltas[:, 2:].clamp(self.least_log_ratio, _MAX_LOG_RATIO).exp() / 2
        bboxes = torch.cat([centre - half, centre + half], dim=1)  # (n, 2), (n, 2) -> (n, 4)
        if not (self.clip_border and max_shape):
            return bboxes
        return clip_boxes(bboxes, (max_shape[0] - self.pixel, max_shape[1] - self.pixel))


class LegacyDeltaXYWHBBoxCoder(DeltaXYWHBBoxCoder):
    """The coder of mmdet 1.x, for its checkpoints.

    As mmdet 3.x's class of this name, it decodes half a pixel to each side wider than 1.x did.
    """

    pixel = 1


class DistancePointBBoxCoder:
    """Distances from a point to the four sides of its box (FCOS, Tian et al. 2019, section 3.1).

        px - x1, py - y1, x2 - px, y2 - py; in FCOS their logarithms, or the distances / stride

    For FCOS priors are squares around the points, of side = stride.

    Args:
        norm_on_bbox: None for distances in pixels; True for strides, negative ones taken for 0;
            False for logarithms of pixels. FCOSHead says which of the last two.
        clip_border: clip decoded boxes to the image.
    """

    def __init__(self, norm_on_bbox: bool | None = None, clip_border: bool = True) -> None:
        self.norm_on_bbox = norm_on_bbox
        self.clip_border = clip_border

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns what takes `priors` (n, 4) to `bboxes` (n, 4) around their points."""
        points = (priors[:, :2] + priors[:, 2:]) / 2  # (n, 4) -> (n, 2)
        # (n, 2), (n, 2) -> (n, 4): left, top, right, bottom
        distances = torch.cat([points - bboxes[:, :2], bboxes[:, 2:] - points], dim=1)
        if self.norm_on_bbox is None:
            return distances
        return distances / _side(priors) if self.norm_on_bbox else distances.log()

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4); arguments as DeltaXYWHBBoxCoder.decode."""
        points = (priors[:, :2] + priors[:, 2:]) / 2
        distances = deltas
        if self.norm_on_bbox is not None:
            distances = deltas.clamp(min=0) * _side(priors) if self.norm_on_bbox else deltas.exp()
        # (n, 2), (n, 2) -> (n, 4)
        bboxes = torch.cat([points - distances[:, :2], points + distances[:, 2:]], dim=1)
        return clip_boxes(bboxes, max_shape) if self.clip_border and max_shape else bboxes


class TBLRBBoxCoder:
    """Distances from the middle of a prior: top, bottom, left, right (FSAF, Zhu et al. 2019, 3.1).

    Args:
        normalizer: prior sides that a distance of 1 means.
        clip_border: clip decoded boxes to the image.
    """

    def __init__(self, normalizer: float | Sequence[float] = 4.0, clip_border: bool = True) -> None:
        single = isinstance(normalizer, (int, float))
        self.normalizer = (float(normalizer),) * 4 if single else tuple(map(float, normalizer))
        self.clip_border = clip_border

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns what takes `priors` (n, 4) to `bboxes` (n, 4)."""
        x, y = ((priors[:, :2] + priors[:, 2:]) / 2).unbind(dim=1)
        x1, y1, x2, y2 = bboxes.unbind(dim=1)
        sides = torch.stack([y - y1, y2 - y, x - x1, x2 - x], dim=1)  # 4 of (n,) -> (n, 4)
        return sides / self._units(priors)

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4); arguments as DeltaXYWHBBoxCoder.decode."""
        x, y = ((priors[:, :2] + priors[:, 2:]) / 2).unbind(dim=1)
        top, bottom, left, right = (deltas * self._units(priors)).unbind(dim=1)
        bboxes = torch.stack([x - left, y - top, x + right, y + bottom], dim=1)
        return clip_boxes(bboxes, max_shape) if self.clip_border and max_shape else bboxes

    def _units(self, priors: Tensor) -> Tensor:
        """Pixels of each of the four distances (n, 4)."""
        width, height = (priors[:, 2:] - priors[:, :2]).unbind(dim=1)
        units = torch.stack([height, height, width, width], dim=1)
        return units * on_device(self.normalizer, priors)


class FoveaBBoxCoder:
    """Logarithms of the distances to the sides, in sides of the prior (FoveaBox, section 3.4).

    What is learnt is between 1/16 and 16. Boxes end at the middle of the last pixel, as in mmdet.
    """

    clip_border = True
    pixel = 1

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns what takes the squares `priors` (n, 4) to `bboxes` (n, 4)."""
        points = (priors[:, :2] + priors[:, 2:]) / 2  # (n, 4) -> (n, 2)
        # (n, 2), (n, 2) -> (n, 4): left, top, right, bottom
        distances = torch.cat([points - bboxes[:, :2], bboxes[:, 2:] - points], dim=1)
        return (distances / _side(priors)).clamp(1 / 16, 16).log()

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4); arguments as DeltaXYWHBBoxCoder.decode."""
        points, distances = (priors[:, :2] + priors[:, 2:]) / 2, deltas.exp() * _side(priors)
        # (n, 2), (n, 2) -> (n, 4)
        bboxes = torch.cat([points - distances[:, :2], points + distances[:, 2:]], dim=1)
        return clip_boxes(bboxes, (max_shape[0] - 1, max_shape[1] - 1)) if max_shape else bboxes


class DecodedBBoxCoder:
    """For a head that predicts the boxes themselves: there is nothing to encode."""

    clip_border = False

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns `bboxes` (n, 4)."""
        return bboxes

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns `deltas` (n, 4), which are boxes."""
        return deltas


class YOLOXBBoxCoder:
    """Offsets of the centre from a cell's top left corner, and logarithms of the sides, in strides.

    YOLOX (Ge et al. 2021, section 2.1, "anchor-free"), for squares of side = stride:

        ((cx - x1) / s, (cy - y1) / s, log(w / s), log(h / s))

    Boxes are never clipped to the image.
    """

    clip_border = False

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns what takes `priors` (n, 4) to `bboxes` (n, 4)."""
        side = _side(priors)
        centre = (bboxes[:, :2] + bboxes[:, 2:]) / 2
        wh = bboxes[:, 2:] - bboxes[:, :2]
        # (n, 2), (n, 2) -> (n, 4); a box of no width has a logarithm too
        return torch.cat([(centre - priors[:, :2]) / side, torch.log(wh / side + 1e-8)], dim=1)

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4); arguments as DeltaXYWHBBoxCoder.decode."""
        side = _side(priors)
        centre, half = deltas[:, :2] * side + priors[:, :2], deltas[:, 2:].exp() * side / 2
        return torch.cat([centre - half, centre + half], dim=1)  # (n, 2), (n, 2) -> (n, 4)


class YOLOBBoxCoder:
    """Pixels from the middle of a prior, and logarithms of the sides (YOLOv3, section 2.1).

        (cx - px, cy - py, log(w / pw), log(h / ph))

    The head makes the pixels from a share of the cell. Boxes are never clipped to the image.

    Args:
        eps: a side is at least this part of its prior's, and a centre at least this part of a cell
            away from its border, where they are to be learnt.
    """

    clip_border = False

    def __init__(self, eps: float = 1e-6) -> None:
        self.eps = eps

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns what takes `priors` (n, 4) to `bboxes` (n, 4)."""
        shift = (bboxes[:, :2] + bboxes[:, 2:] - priors[:, :2] - priors[:, 2:]) / 2
        ratio = (bboxes[:, 2:] - bboxes[:, :2]) / (priors[:, 2:] - priors[:, :2])
        return torch.cat([shift, ratio.clamp(min=self.eps).log()], dim=1)  # (n, 2) twice -> (n, 4)

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4); arguments as DeltaXYWHBBoxCoder.decode."""
        centre = (priors[:, :2] + priors[:, 2:]) / 2 + deltas[:, :2]
        half = (priors[:, 2:] - priors[:, :2]) * deltas[:, 2:].exp() / 2
        return torch.cat([centre - half, centre + half], dim=1)  # (n, 2), (n, 2) -> (n, 4)


def _side(squares: Tensor) -> Tensor:
    return squares[:, 2:3] - squares[:, 0:1]  # (n, 4) -> (n, 1)
