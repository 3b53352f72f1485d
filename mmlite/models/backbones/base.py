"""What every backbone shares: where its first weights come from."""

from __future__ import annotations

from torch import Tensor

from mmlite.engine.checkpoint import load_pretrained
from mmlite.models.base_module import BaseModule


class Backbone(BaseModule):
    """A module whose `init_cfg` may be `dict(type='Pretrained', checkpoint=...)`.

    Any other `init_cfg` is mmengine's business (Kaiming, Xavier, Constant, ...).
    """

    def init_weights(self) -> None:
        """Draws the weights, or loads them where `init_cfg` says so.

        Raises:
            DataError: the weights cannot be fetched or do not fit.
        """
        init_cfg = self.init_cfg
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            load_pretrained(self, init_cfg['checkpoint'], self.convert_pretrained)
        else:
            super().init_weights()

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Turns a classifier's weights into this backbone's; a subclass says how."""
        return state_dict
