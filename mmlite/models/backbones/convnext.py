"""ConvNeXt (Liu et al. 2022). State-dict keys are mmpretrain's, as mmdet's configs use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError, did_you_mean
from mmlite.models.activations import build_activation
from mmlite.models.backbones.base import Backbone
from mmlite.models.layers import Conv2d
from mmlite.models.norms import LayerNorm
from mmlite.models.tokens import check_stages, drop_path, drop_path_rates
from mmlite.registry import BACKBONES

# blocks and channels of the stages
_ARCHS = {
    'atto': ((2, 2, 6, 2), (40, 80, 160, 320)),
    'femto': ((2, 2, 6, 2), (48, 96, 192, 384)),
    'pico': ((2, 2, 6, 2), (64, 128, 256, 512)),
    'nano': ((2, 2, 8, 2), (80, 160, 320, 640)),
    'tiny': ((3, 3, 9, 3), (96, 192, 384, 768)),
    'small': ((3, 3, 27, 3), (96, 192, 384, 768)),
    'base': ((3, 3, 27, 3), (128, 256, 512, 1024)),
    'large': ((3, 3, 27, 3), (192, 384, 768, 1536)),
    'xlarge': ((3, 3, 27, 3), (256, 512, 1024, 2048)),
}
_EPS = 1e-6  # of all norms
_GELU = dict(type='GELU')


@BACKBONES.register_module(name=['ConvNeXt', 'mmpretrain.ConvNeXt'])
class ConvNeXt(Backbone):
    """ConvNeXt; the feature maps of the stages asked for, each after a norm of its own.

    Args:
        arch: 'tiny', 'small', 'base', ..., or a dict of `depths` and `channels` of the stages.
        stem_patch_size: side of the patches, and stride, of the first convolution.
        act_cfg: activation of the blocks.
        drop_path_rate: stochastic depth of the last block; the first has 0.
        layer_scale_init_value: first factor on what a block adds; 0 for no factor.
        out_indices: stages returned, 0..3; their maps have strides 4, 8, 16, 32.
        frozen_stages: how many stages, with the convolution before each, are never trained.
        with_cp: recompute activations in the backward pass to save memory.
        init_cfg: `dict(type='Pretrained', checkpoint=..., prefix='backbone.')` with a file of
            mmpretrain, or an initialiser of mmengine; None draws as the paper's code does.

    Raises:
        ConfigError: arguments that do not fit the stages.
    """

    INIT_CFG: ClassVar[list] = [
        dict(type='TruncNormal', layer=['Conv2d', 'Linear'], std=0.02, bias=0.0),
        dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
    ]

    def __init__(
        self,
        arch: str | dict = 'tiny',
        stem_patch_size: int = 4,
        act_cfg: dict = _GELU,
        drop_path_rate: float = 0.0,
        layer_scale_init_value: float = 1e-6,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = 0,
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        depths, channels = _stages_of(arch)
        check_stages('ConvNeXt', len(depths), out_indices, channels=channels)
        if frozen_stages not in range(len(depths) + 1):
            raise ConfigError(
                f'ConvNeXt: frozen_stages lies in 0..{len(depths)}, found {frozen_stages}'
            )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp
        self.downsample_layers = nn.ModuleList()
        self.stages = nn.ModuleList()
        rates = drop_path_rates(drop_path_rate, depths)
        for stage, wide in enumerate(channels):
            if stage == 0:
                conv = Conv2d(3, wide, stem_patch_size, stem_patch_size)
                layers = [conv, LayerNorm(wide, _EPS)]
            else:
                before = channels[stage - 1]
                layers = [LayerNorm(before, _EPS), Conv2d(before, wide, 2, 2)]
            self.downsample_layers.append(nn.Sequential(*layers))
            blocks = (
                ConvNeXtBlock(wide, layer_scale_init_value, rate, act_cfg) for rate in rates[stage]
            )
            self.stages.append(nn.Sequential(*blocks))
        for stage in self.out_indices:
            self.add_module(f'norm{stage}', LayerNorm(channels[stage], _EPS))
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        feats = []
        conv, norm = self.downsample_layers[0]
        tokens = norm(conv(x).permute(0, 2, 3, 1))  # (N, h, w, C)
        for stage, blocks in enumerate(self.stages):
            if stage > 0:
                norm, conv = self.downsample_layers[stage]
                tokens = conv(norm(tokens).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            for block in blocks:
                if self.with_cp and self.training and tokens.requires_grad:
                    tokens = torch.utils.checkpoint.checkpoint(block, tokens, use_reentrant=False)
                else:
                    tokens = block(tokens)
            if stage in self.out_indices:
                # (N, h, w, C) -> (N, C, h, w)
                feats.append(getattr(self, f'norm{stage}')(tokens).permute(0, 3, 1, 2))
        return feats

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the stages of `frozen_stages`, with the convolution before each."""
        frozen = slice(self.frozen_stages)
        return [*self.downsample_layers[frozen], *self.stages[frozen]]


class ConvNeXtBlock(nn.Module):
    """7x7 within each channel, a norm, to four times the channels and back (figure 4).

    Args:
        channels: of the tokens (N, H, W, C).
        scale: first factor on what the block adds; 0 for none.
        path_rate: rate of stochastic depth.
        act_cfg: activation between the two linear layers.
    """

    def __init__(self, channels: int, scale: float, path_rate: float, act_cfg: dict) -> None:
        super().__init__()
        self.depthwise_conv = Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = LayerNorm(channels, _EPS)
        self.pointwise_conv1 = nn.Linear(channels, 4 * channels)
        self.act = build_activation(act_cfg)
        self.pointwise_conv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), float(scale))) if scale > 0 else None
        self.drop_path = drop_path(path_rate)

    def forward(self, x: Tensor) -> Tensor:
        out = self.depthwise_conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        out = self.pointwise_conv2(self.act(self.pointwise_conv1(self.norm(out))))
        return x + self.drop_path(out if self.gamma is None else self.gamma * out)


def _stages_of(arch: str | Mapping) -> tuple[Sequence[int], Sequence[int]]:
    if isinstance(arch, Mapping):
        if set(arch) != {'depths', 'channels'}:
            raise ConfigError(f'ConvNeXt: arch has depths and channels, found {", ".join(arch)}')
        return arch['depths'], arch['channels']
    if arch not in _ARCHS:
        raise ConfigError(
            f"ConvNeXt: arch '{arch}' is unknown.{did_you_mean(arch, _ARCHS)} "
            f'Known: {", ".join(_ARCHS)}.'
        )
    return _ARCHS[arch]
