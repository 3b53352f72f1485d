"""The base of every part of a detector: a module that draws its first weights."""

from __future__ import annotations

from typing import ClassVar

from mmengine.model import initialize
from torch import Tensor, nn

from mmlite.checkpoints.loading import load_pretrained
from mmlite.config import is_pretrained
from mmlite.errors import ConfigError, did_you_mean


class BaseModule(nn.Module):
    """An nn.Module with `init_cfg` and `init_weights()`.

    mmengine's own BaseModule does the same and logs a line for every parameter, which buries
    everything else; its initialisers are used here too.

    Args:
        init_cfg: an initialiser of mmengine or a list of them, such as
            `dict(type='Xavier', layer='Conv2d', distribution='uniform')`; None takes INIT_CFG of
            the class, which draws nothing unless the class says so.
            `dict(type='Pretrained', checkpoint=..., prefix='')` loads a file, a URL or a name.
    """

    INIT_CFG: ClassVar[dict | list | None] = None

    def __init__(self, init_cfg: dict | list | None = None) -> None:
        super().__init__()
        self.init_cfg = init_cfg or self.INIT_CFG

    def init_weights(self) -> None:
        """Draws the weights of this module, then those of its parts that have their own way.

        Raises:
            DataError: pretrained weights cannot be fetched or do not fit.
        """
        init_cfg = self.init_cfg
        if is_pretrained(init_cfg):
            _check_pretrained(init_cfg, type(self).__name__)
            prefix = init_cfg.get('prefix') or ''
            load_pretrained(self, init_cfg['checkpoint'], self.convert_pretrained, prefix)
            return
        if init_cfg:
            initialize(self, init_cfg)
        for part in self.children():
            if hasattr(part, 'init_weights'):
                part.init_weights()

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Turns the weights of a file, such as a classifier's, into this module's."""
        return state_dict


def _check_pretrained(init_cfg: dict, part: str) -> None:
    known = ('type', 'checkpoint', 'prefix', 'map_location')  # the last changes nothing here
    for key in init_cfg:
        if key not in known:
            raise ConfigError(
                f"{part}.init_cfg: Pretrained takes no argument '{key}'."
                f'{did_you_mean(key, known)} It takes: {", ".join(known[1:])}.'
            )
    if 'checkpoint' not in init_cfg:
        raise ConfigError(f"{part}.init_cfg: Pretrained needs the argument 'checkpoint'")
