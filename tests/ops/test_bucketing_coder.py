"""Sides in buckets: which one, how far off, and what is learnt; numbers by hand."""

from __future__ import annotations

import pytest
import torch

from mmlite.ops.bucketing_coder import BucketingBBoxCoder

# the buckets reach 2 sides of the prior: from -4 to 12, each 4 wide, two to a side
CODER = dict(num_buckets=4, scale_factor=2)
PRIOR = torch.tensor([[0.0, 0, 8, 8]])
# middles: from the left and from above -2 and 2, from the right and from below 10 and 6
BOX = torch.tensor([[1.0, -2, 11, 20]])


def test_a_box_in_buckets() -> None:
    encoded = BucketingBBoxCoder(**CODER).encode(PRIOR, BOX)
    # left: 1 is nearest to 2; right: 11 to 10; upper: -2 to -2; lower: 20 to 10
    assert encoded[0, :8].tolist() == [0, 1, 1, 0, 1, 0, 1, 0]
    # (middle - side) / 4, such as (-2 - 1) / 4
    assert encoded[0, 8:].tolist() == [-0.75, 0.25, -0.25, -1.25, 0, 1, -2.5, -3.5]


def test_what_is_learnt_of_it() -> None:
    coder = BucketingBBoxCoder(**CODER)
    weights = coder.weights(coder.encode(PRIOR, BOX))
    # -0.75 is less than 1 away and not the nearest: no answer is wanted there
    assert weights[0, :8].tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    # the nearest always, the second only below 1
    assert weights[0, 8:].tolist() == [1, 1, 1, 0, 1, 0, 1, 0]
    coder = BucketingBBoxCoder(**CODER, offset_topk=1, cls_ignore_neighbor=False)
    weights = coder.weights(coder.encode(PRIOR, BOX))
    assert weights[0].tolist() == [1] * 8 + [0, 1, 1, 0, 1, 0, 1, 0]


def test_decode_is_the_inverse_and_clips_to_the_last_pixel() -> None:
    coder = BucketingBBoxCoder(**CODER)
    encoded = coder.encode(PRIOR, BOX)
    assert torch.equal(coder.decode(PRIOR, encoded), BOX)
    assert coder.decode(PRIOR, encoded, (16, 10)).tolist() == [[1, 0, 9, 15]]
    torch.manual_seed(0)
    corners, wh = torch.rand(2, 50, 2) * 40
    priors, boxes = torch.cat([corners, corners + 8], 1), torch.cat([corners + 3, corners + wh], 1)
    torch.testing.assert_close(coder.decode(priors, coder.encode(priors, boxes)), boxes)


def test_an_odd_number_of_buckets_shares_the_middle_one() -> None:
    assert BucketingBBoxCoder(num_buckets=7, scale_factor=3).side_num == 4


def test_confidence_counts_the_neighbour() -> None:
    coder = BucketingBBoxCoder(num_buckets=6, scale_factor=3)
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.5, 0.2, 0.3], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    # 0.5 + 0.3; 0.5, as the second is not next to it; 0.5 + 0.3; 0.7 + 0.2
    deltas = torch.cat([probs.log().flatten(), torch.zeros(12)])[None]
    assert coder.confidence(deltas).item() == pytest.approx((0.8 + 0.5 + 0.8 + 0.9) / 4)
