"""A small model, and a file of its weights."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def model() -> nn.Module:
    """Six tensors: `stem.*` (3, 2) and (3,), `head.0.*` (4, 3) and (4,), `head.1.*` (1, 4) ..."""
    net = nn.Module()
    net.stem = nn.Linear(2, 3)
    net.head = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1))
    return net


def saved(path: Path, state_dict: dict, **others: object) -> Path:
    torch.save(dict(state_dict=state_dict, **others), path)
    return path
