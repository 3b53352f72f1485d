"""CSPDarknet of YOLOX (Ge et al. 2021, section 2.1). State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError, did_you_mean
from mmlite.models.backbones.base import StagedBackbone
from mmlite.models.csp_layer import (
    KAIMING_UNIFORM,
    SWISH,
    YOLOX_BN,
    CSPLayer,
    SPPBottleneck,
    conv_module,
)
from mmlite.models.layers import ConvModule
from mmlite.registry import BACKBONES

# channels of stem and stages; blocks of each stage
_WIDTHS = dict(P5=(64, 128, 256, 512, 1024), P6=(64, 128, 256, 512, 768, 1024))
_DEPTHS = dict(P5=(3, 9, 9, 3), P6=(3, 9, 9, 3, 3))


class CSPBackbone(StagedBackbone):
    """A stem of stride 2, then stages that halve the map and end with a CSP layer.

    A subclass builds them by `add_stages` in its constructor.
    """

    INIT_CFG = KAIMING_UNIFORM

    def add_stages(
        self,
        stem: nn.Module,
        widths: Sequence[int],
        depths: Sequence[int],
        csp_layer: Callable[..., nn.Module],
        spp_kernel_sizes: Sequence[int],
        use_depthwise: bool,
        layers: dict,
        out_indices: Sequence[int],
        frozen_stages: int,
    ) -> None:
        """Builds `stem`, `stage1`, ... and freezes the first ones.

        Args:
            stem: what comes first; it returns widths[0] channels.
            widths, depths: channels of stem and stages; blocks of each stage.
            csp_layer: called with channels in, channels out, blocks, `use_shortcut`.
            spp_kernel_sizes: of the pooling in the last stage, whose blocks have no shortcut.
            use_depthwise: of the convolutions that halve the map.
            layers: `norm_cfg` and `act_cfg`.
            out_indices, frozen_stages: as the backbone has them.

        Raises:
            ConfigError: stages that are not there.
        """
        last = len(depths)
        name = type(self).__name__
        if not set(out_indices) <= set(range(last + 1)):
            raise ConfigError(f'{name}: out_indices lie in 0..{last}, found {tuple(out_indices)}')
        if frozen_stages not in range(-1, last + 1):
            raise ConfigError(f'{name}: frozen_stages lies in -1..{last}, found {frozen_stages}')
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.stem = stem
        for number, ((wide, wider), depth) in enumerate(
            zip(pairwise(widths), depths, strict=True), 1
        ):
            stage = [conv_module(use_depthwise)(wide, wider, 3, stride=2, padding=1, **layers)]
            if number == last:
                stage.append(SPPBottleneck(wider, spp_kernel_sizes, **layers))
            stage.append(csp_layer(wider, wider, depth, use_shortcut=number < last))
            self.add_module(f'stage{number}', nn.Sequential(*stage))
        self.freeze()

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the stem and the stages of `frozen_stages`."""
        return list(self.children())[: self.frozen_stages + 1]


@BACKBONES.register_module()
class CSPDarknet(CSPBackbone):
    """CSPDarknet; the feature maps of the stages asked for.

    Args:
        arch: 'P5' has four stages after the stem, of strides 4 to 32; 'P6' a fifth, of stride 64.
        deepen_factor, widen_factor: factors on blocks and channels; 1 and 1 in YOLOX-L.
        out_indices: 0 is the stem, of stride 2; k is stage k, of stride 2^(k + 1).
        frozen_stages: -1 none, 0 the stem, k the stem and the first k stages.
        use_depthwise: depthwise separable convolutions in place of the 3x3 ones (YOLOX-Nano).
        spp_kernal_sizes: of the pooling in the last stage; this is how mmdet spells it.
        norm_cfg, act_cfg: normalisation and activation; None for none.
        norm_eval: batch norm keeps its statistics in training.
        init_cfg: `dict(type='Pretrained', checkpoint=...)` or an initialiser of mmengine; None
            draws as torch itself does.
    """

    def __init__(
        self,
        arch: str = 'P5',
        deepen_factor: float = 1.0,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (2, 3, 4),
        frozen_stages: int = -1,
        use_depthwise: bool = False,
        spp_kernal_sizes: Sequence[int] = (5, 9, 13),
        norm_cfg: dict | None = YOLOX_BN,
        act_cfg: dict | None = SWISH,
        norm_eval: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.norm_eval = norm_eval
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        widths, depths = scaled(arch, _WIDTHS, _DEPTHS, widen_factor, deepen_factor, 'CSPDarknet')

        def csp_layer(*args: int, use_shortcut: bool) -> CSPLayer:
            return CSPLayer(*args, use_shortcut=use_shortcut, use_depthwise=use_depthwise, **layers)

        self.add_stages(
            Focus(3, widths[0], **layers), widths, depths, csp_layer, spp_kernal_sizes,
            use_depthwise, layers, out_indices, frozen_stages,
        )  # fmt: skip


class Focus(nn.Module):
    """Each square of 2 x 2 pixels becomes one cell of four times the channels; then a 3x3."""

    def __init__(self, in_channels: int, out_channels: int, norm_cfg: dict, act_cfg: dict) -> None:
        super().__init__()
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.conv = ConvModule(4 * in_channels, out_channels, 3, padding=1, **layers)

    def forward(self, x: Tensor) -> Tensor:
        # (N, C, H, W) -> (N, 4C, H/2, W/2): top left, bottom left, top right, bottom right
        return self.conv(torch.cat([x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)], dim=1))


def scaled(
    arch: str, widths: dict, depths: dict, widen_factor: float, deepen_factor: float, name: str
) -> tuple[list[int], list[int]]:
    """Returns the channels of stem and stages and the blocks of the stages, at least one each.

    Raises:
        ConfigError: another `arch`.
    """
    if arch not in widths:
        raise ConfigError(
            f"{name}: arch '{arch}' is unknown.{did_you_mean(str(arch), widths)} "
            f'Known: {", ".join(widths)}.'
        )
    wide = [int(channels * widen_factor) for channels in widths[arch]]
    return wide, [max(round(blocks * deepen_factor), 1) for blocks in depths[arch]]
