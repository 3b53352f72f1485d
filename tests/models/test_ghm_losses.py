from __future__ import annotations

import torch

from mmlite.models.ghm_losses import GHMC


def test_a_bin_counts_more_entries_than_float32_can() -> None:
    """One by one float32 goes no further than 2^24 = 16,777,216: each weighs 1 / 16,800,000."""
    loss = GHMC(bins=2)
    gradient = torch.zeros(1).expand(16_800_000)
    weights = loss.weights(gradient, torch.ones(1, dtype=torch.bool).expand(16_800_000))
    assert weights[0].item() == torch.tensor(1 / 16_800_000).item()
