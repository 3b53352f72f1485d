from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from mmlite.checkpoints.file import read_checkpoint, write_checkpoint
from mmlite.engine.process.random_state import random_state, set_random_state


def draw() -> list[float]:
    """One number of each generator; a normal one leaves its twin in Python's and NumPy's."""
    python = [random.gauss(0, 1), random.random()]
    numpy = [np.random.normal(), np.random.rand()]
    return [*python, *numpy, torch.rand(()).item(), torch.randn(()).item()]


def test_draws_are_repeated_after_a_way_through_a_file(tmp_path: Path) -> None:
    draw()
    write_checkpoint(dict(random=random_state()), tmp_path / 'state.pth')
    expected = [draw(), draw()]
    set_random_state(read_checkpoint(tmp_path / 'state.pth')['random'])
    assert [draw(), draw()] == expected


@pytest.mark.parametrize('left_out', ['python', 'numpy', 'torch'])
def test_each_generator_counts(left_out: str) -> None:
    state = random_state()
    expected = draw()
    set_random_state({**state, left_out: random_state()[left_out]})
    assert draw() != expected
