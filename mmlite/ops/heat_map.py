"""Heat maps of objects: a peak of 1 at the centre of each, in the map of its class.

H x W cells, a cell (x, y) covers the points from (x, y) to (x + 1, y + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


def gaussian_radius(sides: Tensor, min_overlap: float) -> Tensor:
    """How far corners may move so that the IoU with the box stays `min_overlap` (CornerNet, 3.2).

    The least of three: one corner moves inwards and one outwards, both inwards, both outwards.

    Args:
        sides: (g, 2) of the boxes.
        min_overlap: an IoU below 1.

    Returns:
        (g,), in the unit of the sides.
    """
    total, area = sides.sum(dim=1), sides.prod(dim=1)  # (g, 2) -> (g,)
    # a r^2 - b r + c = 0, of which the smaller root counts; outwards c is below 0: the larger one
    shift = _root(1, total, area * (1 - min_overlap) / (1 + min_overlap), -1)
    inwards = _root(4, 2 * total, area * (1 - min_overlap), -1)
    outwards = _root(4 * min_overlap, -2 * min_overlap * total, area * (min_overlap - 1), 1)
    return torch.minimum(torch.minimum(shift, inwards), outwards)


def _root(a: float, b: Tensor, c: Tensor, sign: int) -> Tensor:
    return (b + sign * (b**2 - 4 * a * c).sqrt()) / (2 * a)


def draw_peaks(
    heat_map: Tensor, cells: Tensor, radii: Tensor, labels: Tensor, at_once: int = 2**22
) -> None:
    """Draws a Gaussian around each cell, as far as its radius; the larger value stays.

    Args:
        heat_map: (C, H, W), changed in place.
        cells: (g, 2) int64, (x, y) of each object.
        radii: (g,) int64, in cells; the deviation is a sixth of the diameter 2 r + 1.
        labels: (g,) in 1..C.
        at_once: numbers that are computed at once, so that many objects need no more memory.
    """
    height, width = heat_map.shape[1:]
    count = max(1, at_once // (height * width))
    for own, own_radii, own_labels in zip(
        cells.split(count), radii.split(count), labels.split(count), strict=True
    ):
        # (W,) - (c, 1) -> (c, W), and (c, H)
        x, y = (
            torch.arange(side, device=cells.device) - own[:, axis, None]
            for axis, side in enumerate((width, height))
        )
        reach = own_radii[:, None]
        squares = (y**2)[:, :, None] + (x**2)[:, None]  # (c, H, 1) + (c, 1, W) -> (c, H, W)
        deviation = (2 * own_radii + 1).to(heat_map.dtype)[:, None, None] / 6
        peaks = torch.exp(-squares / (2 * deviation**2))
        peaks *= (y.abs() <= reach)[:, :, None] & (x.abs() <= reach)[:, None]
        index = (own_labels - 1)[:, None, None].expand_as(peaks)
        heat_map.scatter_reduce_(0, index, peaks, 'amax')


def local_maxima(heat_map: Tensor, kernel: int) -> Tensor:
    """Returns the map (N, C, H, W) with 0 where a cell of the square around it has more.

    Args:
        heat_map: of values from 0 up.
        kernel: side of the square in cells, odd.
    """
    largest = F.max_pool2d(heat_map, kernel, stride=1, padding=kernel // 2)
    return heat_map.where(heat_map == largest, 0)


class Centers(NamedTuple):
    """What a heat map has to show of a batch, and the p objects that have a cell of their own.

    Args:
        heat_map: (N, C, H, W).
        where: three indices (p,): image, row and column of each object.
        sides, offsets: (p, 2), (w, h) of its box, and (x, y) of its centre from the corner of its
            cell, in cells.
    """

    heat_map: Tensor
    where: tuple[Tensor, ...]
    sides: Tensor
    offsets: Tensor


@torch.no_grad()
def center_targets(
    like: Tensor,
    input_shape: tuple[int, int],
    gt_bboxes: Sequence[Tensor],
    gt_labels: Sequence[Tensor],
    min_overlap: float,
) -> Centers:
    """Says where the objects of a batch are; of those with one cell the last has it.

    Args:
        like: (N, C, H, W), a map of the shape and type that is asked for.
        input_shape: (h, w) of the batch in pixels.
        gt_bboxes, gt_labels: per image (g, 4) in pixels of the input, and (g,) in 1..C.
        min_overlap: see `gaussian_radius`.
    """
    heat_map, (height, width) = torch.zeros_like(like), like.shape[-2:]
    cells_per_pixel = like.new_tensor([width / input_shape[1], height / input_shape[0]])
    corner = torch.tensor([width - 1, height - 1], device=like.device)
    rows = []
    for image, (bboxes, labels) in enumerate(zip(gt_bboxes, gt_labels, strict=True)):
        centers = (bboxes[:, :2] + bboxes[:, 2:]) * cells_per_pixel / 2  # (g, 2)
        sides = (bboxes[:, 2:] - bboxes[:, :2]) * cells_per_pixel
        cells = centers.long().clamp(min=0).minimum(corner)
        radii = gaussian_radius(sides, min_overlap).long().clamp(min=0)
        draw_peaks(heat_map[image], cells, radii, labels)
        numbers, order = cells[:, 1] * width + cells[:, 0], torch.arange(len(cells)).to(cells)
        owner = order.new_full((height * width,), -1).scatter_reduce(0, numbers, order, 'amax')
        kept = owner[numbers] == order
        place = torch.cat([torch.full_like(cells[:, :1], image), cells.flip(1)], dim=1)
        rows.append((place[kept], sides[kept], (centers - cells)[kept]))
    where, sides, offsets = (torch.cat(values) for values in zip(*rows, strict=True))
    return Centers(heat_map, where.unbind(dim=1), sides, offsets)


def decode_peaks(
    heat_map: Tensor, sides: Tensor, offsets: Tensor, input_shape: tuple[int, int], topk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The K = `topk` best cells as boxes (N, K, 4) in pixels, their scores and labels (N, K).

    Args:
        heat_map: (N, C, H, W), 0 where there is no peak.
        sides, offsets: (N, 2, H, W), see `Centers`.
        input_shape: (h, w) of the batch in pixels.
        topk: peaks of an image, best first; fewer where the map has fewer cells.
    """
    height, width = heat_map.shape[-2:]
    peaks = heat_map.flatten(1)  # (N, C * H * W)
    scores, inds = peaks.topk(min(topk, peaks.shape[1]))
    labels, cells = inds // (height * width) + 1, inds % (height * width)
    index = cells[:, None].expand(-1, 2, -1)
    # (N, 2, H, W) -> (N, 2, K) -> (N, K, 2)
    half, shift = (v.flatten(2).gather(2, index).transpose(1, 2) for v in (sides / 2, offsets))
    centers = torch.stack([cells % width, cells // width], dim=2) + shift
    pixels = heat_map.new_tensor([input_shape[1] / width, input_shape[0] / height])
    return torch.cat([centers - half, centers + half], dim=2) * pixels.repeat(2), scores, labels
