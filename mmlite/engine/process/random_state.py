"""The random number generators: their seed, and their state as a checkpoint can hold it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from mmengine.runner import set_random_seed


def seed_generators(seed: int, diff_rank_seed: bool = False, deterministic: bool = False) -> int:
    """Seeds all generators and returns the seed.

    Args:
        seed: of Python, NumPy and torch.
        diff_rank_seed: add the number of the process.
        deterministic: two runs are equal bit for bit on a CPU. On a GPU, torch warns of each
            operation for which it has no such kernel, by its name.
    """
    seed = set_random_seed(seed, deterministic, diff_rank_seed)
    # mmengine has torch raise at the first such operation, and never switches this off again
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.deterministic = deterministic
    return seed


def random_state() -> dict[str, Any]:
    """Returns the state of Python's, NumPy's and torch's generators in this process.

    What the data pipeline draws is not in it: that follows from the seed, the epoch and the
    position (`mmlite.datasets.loader`).
    """
    name, keys, position, has_gauss, cached = np.random.get_state()
    state = dict(
        python=random.getstate(),
        numpy=(name, torch.from_numpy(keys.astype(np.int64)), position, has_gauss, cached),
        torch=torch.get_rng_state(),
    )
    if torch.cuda.is_initialized():
        state['cuda'] = torch.cuda.get_rng_state()  # of this process's device
    return state


def set_random_state(state: dict[str, Any]) -> None:
    """Puts all generators into a state that `random_state` returned, here or elsewhere."""
    version, internal, gauss = state['python']
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state['numpy']
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state['torch'])
    if 'cuda' in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'])
