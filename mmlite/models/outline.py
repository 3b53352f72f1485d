"""A detector without memory: it gives the shapes of what a detector computes, and no numbers."""

from __future__ import annotations

import copy

from torch import Tensor, nn


def outline_of(detector: nn.Module) -> nn.Module:
    """Returns a copy in eval mode, all of whose tensors are on torch's `meta` device."""
    copies: dict[int, Tensor] = {id(buffer): buffer.to('meta') for buffer in detector.buffers()}
    for weight in detector.parameters():
        copies[id(weight)] = nn.Parameter(weight.detach().to('meta'), weight.requires_grad)
    for module in detector.modules():  # as weight norm's, which torch does not copy
        for value in vars(module).values():
            if isinstance(value, Tensor):
                copies[id(value)] = value.detach().to('meta')
    return copy.deepcopy(detector, copies).eval()
