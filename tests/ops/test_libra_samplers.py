"""Libra R-CNN's samplers: which groups come first, and how many of each."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.ops.libra_samplers import (
    InstanceBalancedPosSampler,
    IoUBalancedNegSampler,
    rank_in_group,
)
from mmlite.registry import TASK_UTILS


def test_ranks_within_groups():
    groups = torch.tensor([7, -1, 7, 2, 7, -1])
    order = torch.tensor([0.5, 0.9, 0.1, 0.3, 0.7, 0.2])
    # of 7: 0.1, 0.5, 0.7; of -1: 0.2, 0.9
    assert rank_in_group(groups, order).tolist() == [1, 1, 0, 0, 2, 0]


def test_objects_share_the_positives():
    """Ten boxes of object 0, three of 1, one of 2; six are taken: 6 / 3 + 1 = 3 of each at most."""
    indices = torch.tensor([0] * 10 + [1] * 3 + [2] + [-1] * 6)
    labels = (indices >= 0).long()
    for seed in range(5):
        torch.manual_seed(seed)
        taken = InstanceBalancedPosSampler(12, 0.5)(labels, indices=indices)
        of_each = [int((taken & (indices == number)).sum()) for number in range(3)]
        assert sum(of_each) == 6
        assert of_each[0] <= 3


def test_what_others_lack_an_object_gives():
    """The share is 6 / 2 + 1 = 4: four of object 0, the only one of object 1, and a fifth."""
    indices = torch.tensor([0] * 10 + [1] + [-1] * 6)
    taken = InstanceBalancedPosSampler(12, 0.5)((indices >= 0).long(), indices=indices)
    assert [int((taken & (indices == number)).sum()) for number in range(2)] == [5, 1]


# 40 boxes that overlap nothing, 30 with an IoU of 0.1, 6 of 0.4; the truth overlaps itself
OVERLAPS = torch.tensor([0.0] * 40 + [0.1] * 30 + [0.4] * 6 + [1.0])
LABELS = torch.tensor([0] * 76 + [3])


def taken_of(**args) -> list[int]:
    taken = IoUBalancedNegSampler(**{'num': 13, 'pos_fraction': 0.25, **args})(
        LABELS, overlaps=OVERLAPS
    )
    assert taken[-1]
    return [
        int((taken & (value == OVERLAPS).logical_and(LABELS == 0)).sum()) for value in (0, 0.1, 0.4)
    ]


@pytest.mark.parametrize(
    ('args', 'expected'),
    [
        # 12 of background; bins to 1/3, 2/3 and 1 have 4 each, the last one has no box: its share
        # is drawn of the others above 0, at most 2 more of the second bin
        (dict(), {(0, 8, 4), (0, 7, 5), (0, 6, 6)}),
        # one bin is a plain draw above 0
        (dict(num_bins=1), {(0, 12 - count, count) for count in range(7)}),
        # half of the twelve is of the floor, here all that is below 0.2; six are of the bins
        # between 0.2 and 1, where there are just six
        (dict(floor_thr=0.2, floor_fraction=0.5), {(6 - count, count, 6) for count in range(7)}),
        # more than there are above 0: the floor fills up
        (dict(num=51), {(14, 30, 6)}),
    ],
)
def test_background_by_its_overlap(args, expected):
    for seed in range(4):
        torch.manual_seed(seed)
        assert tuple(taken_of(**args)) in expected


def test_both_together():
    cfg = dict(
        type='CombinedSampler',
        num=8,
        pos_fraction=0.5,
        pos_sampler=dict(type='InstanceBalancedPosSampler'),
        neg_sampler=dict(type='IoUBalancedNegSampler', num_bins=3),
    )
    sampler = TASK_UTILS.build(cfg)
    assert set(sampler.needs) == {'indices', 'overlaps'}
    facts = dict(indices=LABELS - 1, overlaps=OVERLAPS)
    taken = sampler(LABELS, **facts)
    assert int(taken.sum()) == 8  # one with a box, seven of background
    assert not (taken & (OVERLAPS == 0)).any()


def test_no_boxes_at_all():
    nothing = torch.zeros(0, dtype=torch.long)
    facts = dict(indices=nothing, overlaps=torch.zeros(0))
    for sampler in (InstanceBalancedPosSampler(4, 0.5), IoUBalancedNegSampler(4, 0.5)):
        assert sampler(nothing, **facts).shape == (0,)


def test_numbers_that_make_no_sense():
    with pytest.raises(ConfigError, match='floor_fraction in'):
        IoUBalancedNegSampler(8, 0.5, floor_fraction=2)
