"""Encoding by hand, its inverse by property, and the two clamps of decoding."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection._utils import BoxCoder

from mmlite.config import load_config
from mmlite.config.own_files import CONFIGS
from mmlite.ops.coders import (
    DeltaXYWHBBoxCoder,
    DistancePointBBoxCoder,
    LegacyDeltaXYWHBBoxCoder,
)
from mmlite.registry import TASK_UTILS

SSD = dict(target_means=(0.0, 0.0, 0.0, 0.0), target_stds=(0.1, 0.1, 0.2, 0.2))


def test_encode_by_hand():
    coder = DeltaXYWHBBoxCoder(target_means=(0, 0, 0, 1), target_stds=(0.1, 0.5, 0.2, 2))
    prior, bbox = Tensor([[0, 0, 10, 20]]), Tensor([[5, 10, 25, 20]])
    # centres (5, 10) and (15, 15): shifts 10 / 10 and 5 / 20; sides 20 / 10 and 10 / 20
    expected = [1 / 0.1, 0.25 / 0.5, math.log(2) / 0.2, (math.log(0.5) - 1) / 2]
    torch.testing.assert_close(coder.encode(prior, bbox), Tensor([expected]))


def boxes():
    corner, side = st.floats(0, 280, width=32), st.floats(1, 300, width=32)
    box = st.tuples(corner, corner, side, side)
    return st.lists(box, min_size=1, max_size=5).map(
        lambda rows: Tensor([[x, y, x + w, y + h] for x, y, w, h in rows])
    )


@settings(deadline=None)
@given(boxes(), boxes())
def test_decode_undoes_encode(priors, bboxes):
    num = min(len(priors), len(bboxes))
    priors, bboxes = priors[:num], bboxes[:num]
    # sides of 1 and of 300 differ by more than one decode may grow: 1000 / 16
    ratio = (bboxes[:, 2:] - bboxes[:, :2]) / (priors[:, 2:] - priors[:, :2])
    within = ((ratio < 62) & (ratio > 1 / 62)).all(dim=1)
    coder = DeltaXYWHBBoxCoder(**SSD)
    decoded = coder.decode(priors, coder.encode(priors, bboxes))
    torch.testing.assert_close(decoded[within], bboxes[within], atol=5e-3, rtol=0)


def test_a_side_changes_by_at_most_1000_sixteenths():
    coder = DeltaXYWHBBoxCoder(clip_border=False)
    decoded = coder.decode(Tensor([[0, 0, 16, 16]]), Tensor([[0, 0, 1e4, -1e4]]), (300, 300))
    # width 16 * 1000 / 16, height 16 * 16 / 1000, around (8, 8)
    expected = Tensor([[8 - 500, 8 - 0.128, 8 + 500, 8 + 0.128]])
    torch.testing.assert_close(decoded, expected)


def test_clips_to_the_image_only_where_asked():
    prior, delta = Tensor([[-10, -10, 90, 90]]), torch.zeros(1, 4)
    assert DeltaXYWHBBoxCoder().decode(prior, delta, (50, 60)).tolist() == [[0, 0, 60, 50]]
    assert DeltaXYWHBBoxCoder().decode(prior, delta).tolist() == prior.tolist()
    unclipped = DeltaXYWHBBoxCoder(clip_border=False).decode(prior, delta, (50, 60))
    assert unclipped.tolist() == prior.tolist()


# point (4, 4) of stride 8, point (16, 24) of stride 16
POINTS = Tensor([[0, 0, 8, 8], [8, 16, 24, 32]])
AROUND = Tensor([[2, 3, 12, 20], [0, 20, 18, 28]])
DISTANCES = Tensor([[2, 1, 8, 16], [16, 4, 2, 4]])


def test_distances_in_strides_or_as_logarithms():
    in_strides = DistancePointBBoxCoder(norm_on_bbox=True).encode(POINTS, AROUND)
    torch.testing.assert_close(in_strides, DISTANCES / Tensor([[8], [16]]))
    logarithms = DistancePointBBoxCoder(norm_on_bbox=False).encode(POINTS, AROUND)
    torch.testing.assert_close(logarithms, DISTANCES.log())
    torch.testing.assert_close(DistancePointBBoxCoder().encode(POINTS, AROUND), DISTANCES)


@pytest.mark.parametrize('norm_on_bbox', [True, False, None])
def test_distances_decode_to_the_box(norm_on_bbox):
    coder = DistancePointBBoxCoder(norm_on_bbox)
    decoded = coder.decode(POINTS, coder.encode(POINTS, AROUND))
    torch.testing.assert_close(decoded, AROUND)


def test_negative_distances_are_none():
    coder = DistancePointBBoxCoder(norm_on_bbox=True)
    decoded = coder.decode(POINTS[:1], Tensor([[-1, -1, 0.5, 1]]))
    assert decoded.tolist() == [[4, 4, 8, 12]]


def test_distances_are_clipped_to_the_image():
    coder = DistancePointBBoxCoder(norm_on_bbox=True)
    far = Tensor([[9.0, 9, 9, 9]])
    assert coder.decode(POINTS[:1], far, (20, 30)).tolist() == [[0, 0, 30, 20]]
    unclipped = DistancePointBBoxCoder(norm_on_bbox=True, clip_border=False)
    assert unclipped.decode(POINTS[:1], far, (20, 30)).tolist() == [[-68, -68, 76, 76]]


def test_boxes_of_mmdet_1x():
    """A box of 0..1 is two pixels wide; the numbers are mmdet 3.x's own example."""
    priors = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 5, 5]])
    deltas = torch.tensor([[0.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 2, -1], [0.7, -1.9, -0.5, 0.3]])
    expected = [
        [0.0000, 0.0000, 1.5000, 1.5000],  # 0.5 -+ 1, clipped
        [0.0000, 0.0000, 5.2183, 5.2183],
        [0.0000, 0.1321, 7.8891, 0.8679],
        [5.3967, 2.4251, 6.0033, 3.7749],
    ]
    coder = LegacyDeltaXYWHBBoxCoder()
    found = coder.decode(priors, deltas, (32, 32))
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-4, rtol=0)
    # clipped to the last pixel, 31; encode measures as decode does
    assert coder.decode(priors, deltas + torch.tensor([0, 0, 4, 4]), (32, 32)).max() == 31
    target = torch.tensor([[3.0, 4, 12, 21]])
    encoded = coder.encode(priors[:1], target)
    # width 10 from 2, centre 7.5 from 0.5: (3.5, 6, log 5, log 9)
    torch.testing.assert_close(
        encoded, torch.tensor([[3.5, 6.0, math.log(5), math.log(9)]]), atol=1e-5, rtol=0
    )


def test_only_mmdet_bounds_how_far_a_side_shrinks():
    # log(1/200) of a prior 100 wide: 100/200 = 0.5 px; mmdet stops at 100 * 16/1000 = 1.6 px
    priors, deltas = Tensor([[0, 0, 100, 100]]), Tensor([[0, 0, -math.log(200), math.log(200)]])
    widths = [
        (box[2] - box[0], box[3] - box[1])
        for bound in (True, False)
        for box in DeltaXYWHBBoxCoder(bound_shrinking=bound).decode(priors, deltas).tolist()
    ]
    # growth is bounded by both, to 100 * 1000/16
    assert widths == [pytest.approx((1.6, 6250), rel=1e-5), pytest.approx((0.5, 6250), rel=1e-5)]


def test_torchvision_configs_decode_as_torchvision_does():
    theirs = BoxCoder((10, 10, 5, 5))
    priors, deltas = Tensor([[0, 0, 100, 100]]), Tensor([[1, -1, -40, 3]])
    cfg = load_config(CONFIGS / 'ssd/ssd300_coco_torchvision.py').model.bbox_head.bbox_coder
    ours = TASK_UTILS.build(cfg).decode(priors, deltas)
    torch.testing.assert_close(ours, theirs.decode_single(deltas, priors), rtol=1e-5, atol=1e-4)
    cfg = load_config(CONFIGS / 'retinanet/retinanet_r50_fpn_coco_torchvision.py').model
    ours = TASK_UTILS.build(cfg.bbox_head.bbox_coder).decode(priors, deltas / 5)
    theirs = BoxCoder((1, 1, 1, 1)).decode_single(deltas / 5, priors)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-4)
