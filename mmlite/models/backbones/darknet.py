"""Darknet-53 of YOLOv3 (Redmon and Farhadi 2018, table 1). State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.base import KAIMING, StagedBackbone
from mmlite.models.layers import LEAKY, ConvModule
from mmlite.registry import BACKBONES

# channels of the first convolution and of the five stages; residual blocks of each stage
_WIDTHS = (32, 64, 128, 256, 512, 1024)
_DEPTHS = (1, 2, 8, 8, 4)


@BACKBONES.register_module()
class Darknet(StagedBackbone):
    """Darknet; the feature maps of the stages asked for.

    Args:
        depth: 53, the only one there is.
        out_indices: 0 is the first convolution, of stride 1; k is stage k, of stride 2^k.
        frozen_stages: -1 or 0 none, k the first convolution and the k - 1 stages after it.
        norm_cfg, act_cfg: normalisation and activation; None for none.
        norm_eval: batch norm keeps its statistics in training.
        init_cfg: `dict(type='Pretrained', checkpoint='open-mmlab://darknet53')`, a path, a URL, or
            an initialiser of mmengine; None draws by Kaiming.

    Raises:
        ConfigError: another depth, or stages that are not there.
    """

    INIT_CFG = KAIMING

    def __init__(
        self,
        depth: int = 53,
        out_indices: Sequence[int] = (3, 4, 5),
        frozen_stages: int = -1,
        norm_cfg: dict | None = dict(type='BN'),  # noqa: B006, never changed
        act_cfg: dict | None = LEAKY,
        norm_eval: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if depth != 53:
            raise ConfigError(f'Darknet: depth is 53, found {depth}')
        last = len(_DEPTHS)
        if not set(out_indices) <= set(range(last + 1)):
            raise ConfigError(f'Darknet: out_indices lie in 0..{last}, found {tuple(out_indices)}')
        if frozen_stages not in range(-1, last + 2):
            raise ConfigError(
                f'Darknet: frozen_stages lies in -1..{last + 1}, found {frozen_stages}'
            )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.conv1 = ConvModule(3, _WIDTHS[0], 3, padding=1, **layers)
        for number, ((wide, wider), depth) in enumerate(
            zip(pairwise(_WIDTHS), _DEPTHS, strict=True), 1
        ):
            stage = nn.Sequential()
            stage.add_module('conv', ConvModule(wide, wider, 3, stride=2, padding=1, **layers))
            for i in range(depth):
                stage.add_module(f'res{i}', DarknetBlock(wider, layers))
            self.add_module(f'conv_res_block{number}', stage)
        self.freeze()

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the first `frozen_stages` of the first convolution and the stages."""
        return list(self.children())[: max(self.frozen_stages, 0)]


class DarknetBlock(nn.Module):
    """1x1 to half the channels, 3x3 back to all of them, and the input is added."""

    def __init__(self, channels: int, layers: dict) -> None:
        super().__init__()
        self.conv1 = ConvModule(channels, channels // 2, 1, **layers)
        self.conv2 = ConvModule(channels // 2, channels, 3, padding=1, **layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x)) + x
