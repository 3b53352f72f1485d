"""What every backbone shares: where its first weights come from, and what stays frozen."""

from __future__ import annotations

from torch import Tensor, nn

from mmlite.engine.checkpoint import load_pretrained
from mmlite.models.base_module import BaseModule


class Backbone(BaseModule):
    """A module whose `init_cfg` may be `dict(type='Pretrained', checkpoint=...)`.

    Any other `init_cfg` is mmengine's business (Kaiming, Xavier, Constant, ...).
    """

    norm_eval = False  # batch norm keeps its statistics in training

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the modules that are never trained; a subclass says which."""
        return []

    def freeze(self) -> None:
        """Freezes them; a subclass calls it once it is built."""
        for module in self.frozen_modules():
            module.eval()
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> Backbone:
        """Frozen modules and, with `norm_eval`, batch norm stay in eval mode."""
        super().train(mode)
        self.freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

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
