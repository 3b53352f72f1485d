"""What backbones share: what stays frozen, and stages that follow each other."""

from __future__ import annotations

from torch import Tensor, nn

from mmlite.models.base_module import BaseModule

# how the first weights of a backbone are drawn, where its class says INIT_CFG = KAIMING
KAIMING = [
    dict(type='Kaiming', layer='Conv2d'),
    dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm']),
]


class Backbone(BaseModule):
    """A module with parts that stay as they are; `convert_pretrained` takes a classifier's file."""

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


class StagedBackbone(Backbone):
    """A backbone whose children are its stages; `out_indices` says which maps it returns."""

    out_indices: tuple[int, ...]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        feats = []
        for index, stage in enumerate(self.children()):
            x = stage(x)
            if index in self.out_indices:
                feats.append(x)
        return feats
