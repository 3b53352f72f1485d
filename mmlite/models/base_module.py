"""What every part of a detector is: a module that knows how its first weights are drawn."""

from __future__ import annotations

from mmengine.model import initialize
from torch import nn


class BaseModule(nn.Module):
    """An nn.Module with `init_cfg` and `init_weights()`.

    mmengine's own BaseModule does the same and logs a line for every parameter, which buries
    everything else; its initialisers are used all the same.

    Args:
        init_cfg: an initialiser of mmengine or a list of them, such as
            `dict(type='Xavier', layer='Conv2d', distribution='uniform')`; None draws nothing.
    """

    def __init__(self, init_cfg: dict | list | None = None) -> None:
        super().__init__()
        self.init_cfg = init_cfg

    def init_weights(self) -> None:
        """Draws the weights of this module, then those of its parts that have their own way."""
        if self.init_cfg:
            initialize(self, self.init_cfg)
        for part in self.children():
            if hasattr(part, 'init_weights'):
                part.init_weights()
