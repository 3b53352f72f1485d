"""MobileNetV2 (Sandler et al. 2018). State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Sequence

import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.base import KAIMING, Backbone
from mmlite.models.layers import ConvModule
from mmlite.registry import BACKBONES

# table 2: expansion, channels, blocks, stride of the first block
_LAYERS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """1x1 to more channels, 3x3 within each channel, 1x1 back to few (figure 4d)."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, stride: int, norm_cfg: dict,
        act_cfg: dict,
    ) -> None:  # fmt: skip
        super().__init__()
        channels = in_channels * expansion
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        if expansion != 1:
            self.expand_conv = ConvModule(in_channels, channels, 1, **layers)
        self.depthwise_conv = ConvModule(
            channels, channels, 3, stride, padding=1, groups=channels, **layers
        )
        self.linear_conv = ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg)
        self.with_shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        out = self.expand_conv(x) if hasattr(self, 'expand_conv') else x
        out = self.linear_conv(self.depthwise_conv(out))
        return x + out if self.with_shortcut else out


@BACKBONES.register_module()
class MobileNetV2(Backbone):
    """MobileNetV2; the feature maps of the layers asked for.

    Args:
        widen_factor: factor on all channels.
        out_indices: 0..6 for the seven layers of table 2, of strides 2, 4, 8, 16, 16, 32, 32; 7
            for the last 1x1 convolution of 1280 channels.
        frozen_stages: -1 none, 0 the stem, k the stem and the first k layers.
        norm_cfg, act_cfg: normalisation and activation; BN and ReLU6.
        norm_eval: batch norm keeps its statistics in training.
        with_cp: recompute activations in the backward pass to save memory.
        init_cfg: `dict(type='Pretrained', checkpoint='torchvision://mobilenet_v2')`, a path, a
            URL, or an initialiser of mmengine; None draws by Kaiming.
    """

    INIT_CFG = KAIMING

    def __init__(
        self,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (1, 2, 4, 7),
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        norm_eval: bool = False,
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if not set(out_indices) <= set(range(8)):
            raise ConfigError(f'MobileNetV2: out_indices lie in 0..7, found {tuple(out_indices)}')
        if frozen_stages not in range(-1, 8):
            raise ConfigError(f'MobileNetV2: frozen_stages lies in -1..7, found {frozen_stages}')
        layers = dict(norm_cfg=norm_cfg or dict(type='BN'), act_cfg=act_cfg or dict(type='ReLU6'))
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp

        in_channels = multiple_of_8(32 * widen_factor)
        self.conv1 = ConvModule(3, in_channels, 3, stride=2, padding=1, **layers)
        self.layers = []
        for number, (expansion, channels, num_blocks, stride) in enumerate(_LAYERS, 1):
            out_channels = multiple_of_8(channels * widen_factor)
            blocks = []
            for i in range(num_blocks):
                first = stride if i == 0 else 1
                blocks.append(
                    InvertedResidual(in_channels, out_channels, expansion, first, **layers)
                )
                in_channels = out_channels
            self.add_module(f'layer{number}', nn.Sequential(*blocks))
            self.layers.append(f'layer{number}')
        self.conv2 = ConvModule(in_channels, int(1280 * max(widen_factor, 1)), 1, **layers)
        self.layers.append('conv2')
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        x = self.conv1(x)
        feats = []
        for index, name in enumerate(self.layers):
            layer = getattr(self, name)
            if self.with_cp and self.training and x.requires_grad:
                x = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
            else:
                x = layer(x)
            if index in self.out_indices:
                feats.append(x)
        return feats

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the stem and the stages of `frozen_stages`."""
        stem = [self.conv1] if self.frozen_stages >= 0 else []
        return stem + [getattr(self, f'layer{i}') for i in range(1, self.frozen_stages + 1)]

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Renames torchvision's tensors: they come in the same order; the classifier is dropped."""
        theirs = [value for key, value in state_dict.items() if key.startswith('features.')]
        own = self.state_dict()
        return dict(zip(own, theirs, strict=True)) if len(theirs) == len(own) else state_dict


def multiple_of_8(channels: float) -> int:
    """Rounds to a multiple of 8, at least 8, and never more than a tenth down."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
