"""The warm-up of YOLOX, by hand."""

from __future__ import annotations

import pytest
import torch

from mmlite.engine.quadratic_warmup import QuadraticWarmupLR, QuadraticWarmupMomentum


def optimiser(cls: type = torch.optim.SGD, **others: object) -> torch.optim.Optimizer:
    return cls([torch.nn.Parameter(torch.zeros(1))], lr=0.1, **others)


def values(scheduler, key: str, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0][key])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def test_the_square_of_the_share() -> None:
    scheduler = QuadraticWarmupLR(optimiser(), end=4)
    # 0.1 * ((t + 1) / 4) ** 2 for t = 0, 1, 2, 3, and then it stays
    expected = [0.00625, 0.025, 0.05625, 0.1, 0.1]
    assert values(scheduler, 'lr', 5) == pytest.approx(expected)


def test_converted_to_iterations() -> None:
    scheduler = QuadraticWarmupLR.build_iter_from_epoch(
        optimiser(), begin=0, end=2, epoch_length=3, by_epoch=True
    )
    assert not scheduler.by_epoch and scheduler.end == 6
    assert values(scheduler, 'lr', 6)[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ('optimizer', 'base'),
    [(optimiser(momentum=0.8), 0.8), (optimiser(torch.optim.Adam, betas=(0.8, 0.9)), 0.8)],
)
def test_of_the_momentum(optimizer: torch.optim.Optimizer, base: float) -> None:
    scheduler = QuadraticWarmupMomentum(optimizer, end=2)
    assert values(scheduler, 'momentum', 3) == pytest.approx([base / 4, base, base])


@pytest.mark.parametrize('arguments', [{}, dict(begin=3, end=3)])
def test_it_needs_an_end(arguments: dict) -> None:
    with pytest.raises(ValueError, match='end: a number above begin'):
        QuadraticWarmupLR(optimiser(), **arguments)
