"""CSPNeXt of RTMDet (Lyu et al. 2022, sections 3.2 and 3.3). State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from mmlite.models.backbones.csp_darknet import CSPBackbone, scaled
from mmlite.models.csp_layer import SWISH, YOLOX_BN, CSPLayer, CSPNeXtBlock
from mmlite.models.layers import ConvModule
from mmlite.registry import BACKBONES

# channels of stem and stages; blocks of each stage
_WIDTHS = dict(P5=(64, 128, 256, 512, 1024), P6=(64, 128, 256, 512, 768, 1024))
_DEPTHS = dict(P5=(3, 6, 6, 3), P6=(3, 6, 6, 3, 3))


@BACKBONES.register_module()
class CSPNeXt(CSPBackbone):
    """CSPNeXt: CSPDarknet with blocks of a 5x5 kernel, fewer in the middle, channel attention.

    Args:
        arch: 'P5' has four stages after the stem, of strides 4 to 32; 'P6' a fifth, of stride 64.
        deepen_factor, widen_factor: factors on blocks and channels; 1 and 1 in RTMDet-L.
        out_indices: 0 is the stem, of stride 2; k is stage k, of stride 2^(k + 1).
        frozen_stages: -1 none, 0 the stem, k the stem and the first k stages.
        use_depthwise: depthwise separable convolutions in place of the 3x3 ones after the stem.
        expand_ratio: share of a stage's channels in each half of its CSP layer.
        spp_kernel_sizes: of the pooling in the last stage.
        channel_attention: channel attention at the end of each stage.
        norm_cfg, act_cfg: normalisation and activation; None for none.
        norm_eval: batch norm keeps its statistics in training.
        init_cfg: `dict(type='Pretrained', checkpoint=..., prefix='backbone.')` or an initialiser
            of mmengine; None draws as torch itself does.
    """

    def __init__(
        self,
        arch: str = 'P5',
        deepen_factor: float = 1.0,
        widen_factor: float = 1.0,
        out_indices: Sequence[int] = (2, 3, 4),
        frozen_stages: int = -1,
        use_depthwise: bool = False,
        expand_ratio: float = 0.5,
        spp_kernel_sizes: Sequence[int] = (5, 9, 13),
        channel_attention: bool = True,
        norm_cfg: dict | None = YOLOX_BN,
        act_cfg: dict | None = SWISH,
        norm_eval: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.norm_eval = norm_eval
        layers = dict(norm_cfg=norm_cfg, act_cfg=act_cfg)
        widths, depths = scaled(arch, _WIDTHS, _DEPTHS, widen_factor, deepen_factor, 'CSPNeXt')
        half = int(_WIDTHS[arch][0] * widen_factor // 2)
        stem = nn.Sequential(
            ConvModule(3, half, 3, stride=2, padding=1, **layers),
            ConvModule(half, half, 3, padding=1, **layers),
            ConvModule(half, widths[0], 3, padding=1, **layers),
        )

        def csp_layer(*args: int, use_shortcut: bool) -> CSPLayer:
            return CSPLayer(
                *args, block=CSPNeXtBlock, expand_ratio=expand_ratio, use_shortcut=use_shortcut,
                use_depthwise=use_depthwise, channel_attention=channel_attention, **layers,
            )  # fmt: skip

        self.add_stages(
            stem, widths, depths, csp_layer, spp_kernel_sizes, use_depthwise, layers,
            out_indices, frozen_stages,
        )  # fmt: skip
