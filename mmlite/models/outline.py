"""A detector without memory: it gives the shapes of what a detector computes, and no numbers."""

from __future__ import annotations

import copy

from torch import Tensor, nn


def outline_of(detector: nn.Module) -> nn.Module:
    """Returns a copy in eval mode whose parameters and buffers are on torch's `meta` device."""
    copies: dict[int, Tensor] = {id(buffer): buffer.to('meta') for buffer in detector.buffers()}
    for weight in detector.parameters():
        copies[id(weight)] = nn.Parameter(weight.detach().to('meta'), weight.requires_grad)
    return copy.deepcopy(detector, copies).eval()
