"""Samplers: how many of which kind, drawn by torch's generator."""

from __future__ import annotations

import pytest
import torch

from mmlite.errors import ConfigError
from mmlite.ops.samplers import OHEMSampler, PseudoSampler, RandomSampler

# 3 with a box, 2 ignored, 7 background
LABELS = torch.tensor([1, 0, -1, 4, 0, 0, 2, 0, -1, 0, 0, 0])


def counts(labels: torch.Tensor, taken: torch.Tensor) -> tuple[int, int, int]:
    """How many are taken of those with a box, of background, of the ignored."""
    return tuple(int((taken & mask).sum()) for mask in (labels > 0, labels == 0, labels < 0))


@pytest.mark.parametrize(
    ('num', 'pos_fraction', 'neg_pos_ub', 'expected'),
    [
        (8, 0.25, -1, (2, 6, 0)),  # a quarter of 8 is 2; the other 6 are background
        (8, 0.5, -1, (3, 5, 0)),  # room for 4, there are 3; background fills up to 8
        (20, 0.5, -1, (3, 7, 0)),  # fewer than 20 in all
        (8, 0.0, -1, (0, 7, 0)),  # 8 wanted, 7 there
        (8, 1.0, -1, (3, 5, 0)),
        (10, 0.2, 2, (2, 4, 0)),  # 2 background for each with a box
        (10, 0.0, 3, (0, 3, 0)),  # ... and as for one where there is none
    ],
)
def test_how_many_are_taken(num, pos_fraction, neg_pos_ub, expected):
    sampler = RandomSampler(num, pos_fraction, neg_pos_ub)
    assert counts(LABELS, sampler(LABELS)) == expected


def test_each_image_has_its_own_number():
    labels = torch.stack([LABELS, torch.zeros_like(LABELS)])
    taken = RandomSampler(6, 0.5)(labels)
    assert [counts(*pair) for pair in zip(labels, taken, strict=True)] == [(3, 3, 0), (0, 6, 0)]


def test_draws_follow_the_seed_and_reach_every_prior():
    labels, sampler = torch.zeros(20, dtype=torch.int64), RandomSampler(5, 0.5)
    torch.manual_seed(3)
    first = [sampler(labels) for _ in range(40)]
    torch.manual_seed(3)
    assert torch.equal(torch.stack(first), torch.stack([sampler(labels) for _ in range(40)]))
    drawn = torch.stack(first).sum(dim=0)
    # each is drawn in 40 * 5 / 20 = 10 of 40 rounds on average; none at all: (3 / 4)^40 = 1e-5
    assert drawn.sum() == 200
    assert drawn.min() > 0
    assert drawn.max() < 30


def test_ohem_takes_the_largest_losses_of_each_kind():
    losses = torch.tensor([0.1, 5, 99, 0.7, 1, 2, 0.3, 4, 99, 3, 0.5, 0.2])
    taken = OHEMSampler(4, 0.5)(LABELS, losses=losses)
    # with a box: 0.7 (3) and 0.3 (6) of three; background: 5 (1) and 4 (7)
    assert taken.nonzero()[:, 0].tolist() == [1, 3, 6, 7]


def test_pseudo_sampler_takes_all_that_are_not_ignored():
    assert torch.equal(PseudoSampler()(LABELS), LABELS >= 0)


def test_no_priors_at_all():
    assert RandomSampler(4, 0.5)(torch.zeros(0, dtype=torch.int64)).shape == (0,)


@pytest.mark.parametrize(('num', 'share'), [(0, 0.5), (4, 1.5), (4, -0.1)])
def test_numbers_that_make_no_sense(num, share):
    with pytest.raises(ConfigError, match='num from 1 up and pos_fraction in'):
        RandomSampler(num, share)
