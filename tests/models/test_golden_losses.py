"""Losses and the integral of distributions against mmdet 3.3.0, with their gradients."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from mmlite.models.distribution import Integral
from mmlite.models.losses import soft_targets
from mmlite.registry import LOSSES
from tests.golden import FOLDER

AVG_FACTOR = torch.tensor(7.5)
OF_BOXES = ('balanced_l1', 'bounded_iou', 'eiou', 'siou')
OF_SCORES = (
    'quality_focal',
    'quality_focal_activated',
    'quality_focal_soft',
    'focal_activated',
    'varifocal',
    'varifocal_not_weighted',
    'gaussian_focal',
)


def part(name: str) -> tuple[dict, dict[str, Tensor]]:
    facts = json.loads((FOLDER / f'part_{name}.json').read_text(encoding='utf-8'))
    with np.load(FOLDER / f'part_{name}.npz') as file:
        return facts, {k: torch.from_numpy(v) for k, v in file.items() if v.dtype.kind != 'U'}


def from_one(labels0: Tensor) -> Tensor:
    """mmdet's labels of 8 classes -> 1..8, background 0."""
    return (labels0 + 1) % 9


def check(loss: Tensor, pred: Tensor, arrays: dict[str, Tensor], name: str) -> None:
    (grad,) = torch.autograd.grad(loss, pred)
    torch.testing.assert_close(loss.detach(), arrays[f'out_{name}'], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(grad, arrays[f'out_{name}_grad'], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('name', OF_SCORES)
def test_losses_of_scores(name: str) -> None:
    facts, arrays = part(f'loss_{name}')
    loss = LOSSES.build(facts['cfg'])
    pred, targets = arrays[facts['pred']], arrays.get('in_soft')
    if 'in_score' in arrays:
        targets = soft_targets(from_one(arrays['in_labels']), arrays['in_score'], 8)
    elif targets is None:
        targets = from_one(arrays['in_labels'])
    pred = pred.requires_grad_()
    check(loss(pred, targets, AVG_FACTOR), pred, arrays, 'unweighted')
    weight = arrays['in_weight']
    if weight.ndim == 1:  # the others weigh each class, which no head does
        check(loss(pred, targets, AVG_FACTOR, weight), pred, arrays, 'avg')


@pytest.mark.parametrize('name', OF_BOXES)
def test_losses_of_boxes(name: str) -> None:
    facts, arrays = part(f'loss_{name}')
    loss = LOSSES.build(facts['cfg'])
    pred, target = arrays[facts['pred']].requires_grad_(), arrays[facts['target'][0]]
    check(loss(pred, target, AVG_FACTOR), pred, arrays, 'unweighted')
    weight = arrays['in_weight']
    if weight.ndim == 1 and 'out_avg' in arrays:  # mmdet's BoundedIoULoss refuses these weights
        check(loss(pred, target, AVG_FACTOR, weight), pred, arrays, 'avg')


def test_distributions() -> None:
    facts, arrays = part('loss_distribution_focal')
    loss = LOSSES.build(facts['cfg'])
    pred, target = arrays['in_dist'].requires_grad_(), arrays['in_dtarget']
    check(loss(pred, target, AVG_FACTOR, arrays['in_weight']), pred, arrays, 'avg')
    check(loss(pred, target, AVG_FACTOR, torch.ones_like(target)), pred, arrays, 'unweighted')


def test_the_integral() -> None:
    facts, arrays = part('integral')
    found = Integral(facts['reg_max'])(arrays['in_logits'])
    torch.testing.assert_close(found, arrays['out_distances'], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('name', ['ghmc', 'ghmc_no_momentum', 'ghmr', 'ghmr_no_momentum'])
def test_harmonised_losses_keep_their_counts(name: str) -> None:
    facts, arrays = part(f'loss_{name}')
    loss = LOSSES.build(facts['cfg'])
    torch.testing.assert_close(loss.edges, arrays['out_edges'])
    weight, base = arrays['in_label_weight'], arrays['in_pred']
    for call in range(3):
        pred = (base * (1 + 0.3 * call)).requires_grad_()
        if name.startswith('ghmc'):
            labels = from_one(arrays['in_target']).where(weight > 0, -1)
            value = loss(pred[None], labels[None], AVG_FACTOR)
        else:
            value = loss(pred, arrays['in_target'], AVG_FACTOR, weight[:, 0])
        check(value, pred, arrays, f'call{call}')
        if facts['cfg']['momentum'] > 0:
            torch.testing.assert_close(loss.acc_sum, arrays[f'out_call{call}_acc_sum'])
