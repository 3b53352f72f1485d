"""SABL's coder (Wang et al. 2020, section 3.2): each side is a bucket, and an offset from it.

n boxes, S buckets of a side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmlite.ops.boxes import clip_boxes


class BucketingBBoxCoder:
    """The prior is made larger, and each side of it has buckets from there to the middle.

    A box is 8 * S numbers: for the left, right, upper and lower side S logits, which bucket the
    side is in, and then for each of these sides S offsets, how far in buckets it is from the middle
    of each bucket. `encode` and `decode` are inverse to each other.

    Args:
        num_buckets: across the prior; S is half of it, rounded up.
        scale_factor: how much larger than the prior the buckets reach.
        offset_topk: how many of the nearest buckets learn an offset to the side.
        offset_upperbound: of those but the nearest only the ones with an offset below this do.
        cls_ignore_neighbor: buckets less than 1 away from the side, but not the nearest, say
            nothing about which bucket it is.
        clip_border: clip decoded boxes to the middle of the last pixel, as mmdet does.
    """

    pixel = 1

    def __init__(
        self,
        num_buckets: int,
        scale_factor: float,
        offset_topk: int = 2,
        offset_upperbound: float = 1.0,
        cls_ignore_neighbor: bool = True,
        clip_border: bool = True,
    ) -> None:
        self.num_buckets = num_buckets
        self.side_num = -(-num_buckets // 2)
        self.scale_factor = scale_factor
        self.offset_topk = offset_topk
        self.offset_upperbound = offset_upperbound
        self.cls_ignore_neighbor = cls_ignore_neighbor
        self.clip_border = clip_border

    def encode(self, priors: Tensor, bboxes: Tensor) -> Tensor:
        """Returns (n, 8 * S) for `priors` (n, 4) and `bboxes` (n, 4): 1 for the bucket, offsets."""
        middles, size = self._buckets(priors)
        offsets = (middles - _swapped(bboxes)[..., None]) / size  # (n, 4, S)
        nearest = offsets.abs().argmin(dim=-1, keepdim=True)  # (n, 4, S) -> (n, 4, 1)
        buckets = torch.zeros_like(offsets).scatter(-1, nearest, 1)
        return torch.stack([buckets, offsets], dim=1).flatten(1)  # (n, 2, 4, S) -> (n, 8 * S)

    def weights(self, encoded: Tensor) -> Tensor:
        """Which numbers of `encode` (n, 8 * S) have to be learnt: 1, or 0 (n, 8 * S)."""
        buckets, offsets = self.split(encoded)
        distances = offsets.abs()
        own = buckets == 1
        near, order = distances.topk(self.offset_topk, dim=-1, largest=False)  # (n, 4, topk)
        enough = near < self.offset_upperbound
        learnt = torch.zeros_like(own).scatter(-1, order, enough) | own
        asked = own | (distances >= 1) if self.cls_ignore_neighbor else torch.ones_like(own)
        return torch.stack([asked, learnt], dim=1).flatten(1).to(encoded.dtype)

    def decode(
        self, priors: Tensor, deltas: Tensor, max_shape: tuple[int, int] | None = None
    ) -> Tensor:
        """Returns boxes (n, 4) from `priors` (n, 4) and `deltas` (n, 8 * S).

        Args:
            priors: xyxy, input pixels.
            deltas: what the head predicts.
            max_shape: (h, w) of the image that boxes are clipped to.
        """
        logits, offsets = self.split(deltas)
        middles, size = self._buckets(priors)
        best = logits.argmax(dim=-1, keepdim=True)  # (n, 4, S) -> (n, 4, 1)
        sides = (middles.gather(-1, best) - offsets.gather(-1, best) * size)[..., 0]  # (n, 4)
        bboxes = _swapped(sides)
        if not (self.clip_border and max_shape):
            return bboxes
        return clip_boxes(bboxes, (max_shape[0] - self.pixel, max_shape[1] - self.pixel))

    def confidence(self, deltas: Tensor) -> Tensor:
        """How sure the buckets of the four sides are (n,) in [0, 1] (section 3.3).

        Of each side that is the probability of the best bucket, and of the second if it is next
        to it; the four have the same weight.
        """
        logits, _ = self.split(deltas)
        probs, order = logits.softmax(dim=-1).topk(2, dim=-1)  # (n, 4, 2)
        next_to = (order[..., 0] - order[..., 1]).abs() == 1  # (n, 4)
        return (probs[..., 0] + probs[..., 1].where(next_to, 0)).mean(dim=-1)  # (n, 4) -> (n,)

    def split(self, deltas: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 8 * S) -> buckets and offsets, each (n, 4, S)."""
        return deltas.unflatten(-1, (2, 4, self.side_num)).unbind(dim=-3)

    def _buckets(self, priors: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the middles of the buckets (n, 4, S), and their size (n, 4, 1), in pixels."""
        centre = (priors[:, :2] + priors[:, 2:]) / 2  # (n, 4) -> (n, 2)
        wh = (priors[:, 2:] - priors[:, :2]) * self.scale_factor
        first, last = (centre - wh / 2), (centre + wh / 2)
        size = (wh / self.num_buckets).repeat_interleave(2, dim=1)[..., None]  # (n, 4, 1)
        steps = torch.arange(self.side_num, device=priors.device, dtype=priors.dtype) + 0.5
        # (n, 2), (n, 2) -> (n, 2, 2) -> (n, 4, 1): left, right, upper, lower
        ends = torch.stack([first, last], dim=-1).flatten(1)[..., None]
        signs = 1 - 2 * (
            torch.arange(4, device=priors.device) % 2
        )  # the right and lower end: inwards
        return ends + signs[:, None] * steps * size, size  # (n, 4, S)


def _swapped(sides: Tensor) -> Tensor:
    """xyxy (n, 4) -> left, right, upper and lower side (n, 4), and back."""
    return sides.view(-1, 2, 2).transpose(1, 2).flatten(1)
