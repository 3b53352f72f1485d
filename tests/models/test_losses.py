"""Classification losses by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.losses import (
    CrossEntropyLoss,
    FocalLoss,
    GaussianFocalLoss,
    HardNegativeCrossEntropyLoss,
)

ONE = torch.tensor(1.0)


def logits(*losses_if_background: float) -> Tensor:
    """(R, 2) logits whose cross entropy is the given number where the label is 0.

    With logits (0, z) the background's probability is 1 / (1 + e^z), its loss log(1 + e^z).
    """
    return Tensor([[0, math.log(math.exp(loss) - 1)] for loss in losses_if_background])


def object_loss(background_loss: float) -> float:
    """The same prior's cross entropy where the label is 1: -log(1 - e^-loss)."""
    return -math.log(1 - math.exp(-background_loss))


def test_three_hardest_negatives_for_each_positive():
    cls_score = logits(1.0, 0.1, 0.5, 0.2, 0.4, 0.3)[None]
    labels = torch.tensor([[1, 0, 0, 0, 0, 0]])
    loss = HardNegativeCrossEntropyLoss()(cls_score, labels, ONE)
    # the positive, and 0.5 + 0.4 + 0.3 of the five negatives
    assert loss.item() == pytest.approx(object_loss(1.0) + 1.2, rel=1e-5)


def test_mining_is_per_image():
    easy, hard = logits(1.0, 0.1, 0.1, 0.1, 0.1), logits(1.0, 0.5, 0.6, 0.7, 0.8)
    labels = torch.tensor([[1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    # the second image has no positive, hence no negatives, although its are harder
    loss = HardNegativeCrossEntropyLoss()(torch.stack([easy, hard]), labels, ONE)
    assert loss.item() == pytest.approx(object_loss(1.0) + 3 * 0.1, rel=1e-5)


def test_without_positives_the_loss_is_zero_with_a_zero_gradient():
    cls_score = torch.randn(2, 5, 4, generator=torch.manual_seed(0)).requires_grad_()
    loss = HardNegativeCrossEntropyLoss()(cls_score, torch.zeros(2, 5, dtype=torch.int64), ONE)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(cls_score.grad, torch.zeros_like(cls_score))


def test_ignored_priors_are_neither_positives_nor_negatives():
    cls_score = logits(1.0, 9.0, 0.5, 0.2)[None].requires_grad_()
    labels = torch.tensor([[1, -1, 0, 0]])
    loss = HardNegativeCrossEntropyLoss()(cls_score, labels, ONE)
    loss.backward()
    # room for three negatives, but only two are there; the ignored one's 9 does not count
    assert loss.item() == pytest.approx(object_loss(1.0) + 0.7, rel=1e-5)
    assert cls_score.grad[0, 1].tolist() == [0, 0]


def test_ratio_weight_and_avg_factor():
    cls_score, labels = logits(1.0, 0.5, 0.2)[None], torch.tensor([[1, 0, 0]])
    loss = HardNegativeCrossEntropyLoss(neg_pos_ratio=1, loss_weight=2)
    expected = 2 * (object_loss(1.0) + 0.5) / 4
    assert loss(cls_score, labels, torch.tensor(4.0)).item() == pytest.approx(expected, rel=1e-5)


def test_scores_leave_the_background_out():
    # softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8; the first is the background's
    scores = HardNegativeCrossEntropyLoss.scores(Tensor([1, 2, 5]).log())
    torch.testing.assert_close(scores, Tensor([2 / 8, 5 / 8]))
    assert HardNegativeCrossEntropyLoss.num_outputs(20) == 21


def test_focal_loss():
    # two classes, logits 0 and log 3: p = 1/2 and 3/4; the label is the second
    cls_score = Tensor([[[0, math.log(3)]]])
    there = 0.25 * (1 - 0.75) ** 2 * -math.log(0.75)
    absent = 0.75 * 0.5**2 * -math.log(0.5)
    loss = FocalLoss(loss_weight=2)(cls_score, torch.tensor([[2]]), torch.tensor(4.0))
    assert loss.item() == pytest.approx(2 * (there + absent) / 4, rel=1e-5)


def test_focal_loss_counts_background_but_not_what_is_ignored():
    cls_score = torch.zeros(1, 3, 2, requires_grad=True)
    loss = FocalLoss()(cls_score, torch.tensor([[0, -1, 0]]), ONE)
    loss.backward()
    # four absent classes at p = 1/2
    assert loss.item() == pytest.approx(4 * 0.75 * 0.25 * math.log(2), rel=1e-5)
    assert cls_score.grad[0, 1].tolist() == [0, 0] and (cls_score.grad[0, [0, 2]] > 0).all()


def test_focal_scores():
    scores = FocalLoss().scores(Tensor([0, math.log(3)]))
    torch.testing.assert_close(scores, Tensor([0.5, 0.75]))
    assert FocalLoss.num_outputs(20) == 20
    with pytest.raises(ConfigError, match='use_sigmoid=False'):
        FocalLoss(use_sigmoid=False)


def test_softmax_cross_entropy():
    # softmax of log 1, log 2, log 5: 1/8, 2/8, 5/8; the second prior is ignored
    cls_score = Tensor([[[1, 2, 5], [7, 7, 7], [1, 2, 5]]]).log()
    loss = CrossEntropyLoss(loss_weight=3)
    total = loss(cls_score, torch.tensor([[2, -1, 0]]), torch.tensor(2.0))
    assert total.item() == pytest.approx(3 * (math.log(8 / 5) + math.log(8)) / 2, rel=1e-5)
    torch.testing.assert_close(loss.scores(cls_score[0, 0]), Tensor([2 / 8, 5 / 8]))
    assert loss.num_outputs(20) == 21


def test_binary_cross_entropy_of_labels_and_of_probabilities():
    loss = CrossEntropyLoss(use_sigmoid=True)
    # p = 3/4 of class 1 where it is and where it is not; the third prior is ignored
    cls_score = torch.full((1, 3, 1), math.log(3))
    total = loss(cls_score, torch.tensor([[1, 0, -1]]), ONE)
    assert total.item() == pytest.approx(math.log(4 / 3) + math.log(4), rel=1e-5)
    # probability 1/2 at p = 3/4
    total = loss(torch.tensor([math.log(3)]), torch.tensor([0.5]), ONE)
    assert total.item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2, rel=1e-5)
    assert loss.num_outputs(20) == 20
    torch.testing.assert_close(loss.scores(cls_score), torch.full((1, 3, 1), 0.75))


def test_heat_map_with_weights_and_peaks():
    loss = GaussianFocalLoss(pos_weight=0.25, neg_weight=0.75)
    score, heat = Tensor([[0.2, 0.5, 0.9]]), Tensor([[1.0, 0.5, 0.0]])
    there, near, absent = 0.8**2 * -math.log(0.2), 0.5**6 * math.log(2), 0.9**2 * -math.log(0.1)
    found = loss.per_entry(score, heat)
    expected = [0.25 * there, 0.75 * near, 0.75 * absent]
    assert found[0].tolist() == pytest.approx(expected, rel=1e-5)
    # the second is an object twice, beside what it costs as none; the first no more
    peaks = loss.with_peaks(score, heat, Tensor([[0, 2, 0]]))
    twice = 0.25 * 2 * 0.5**2 * math.log(2)
    assert peaks[0].tolist() == pytest.approx([0, expected[1] + twice, expected[2]], rel=1e-5)
