"""RegNetX (Radosavovic et al. 2020). State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np
from torch import Tensor, nn

from mmlite.errors import ConfigError, did_you_mean
from mmlite.models.backbones.residual_blocks import Bottleneck
from mmlite.models.backbones.resnet import ResNetBase
from mmlite.models.layers import Conv2d, build_norm, conv_norm
from mmlite.registry import BACKBONES

# the parameters of equations 2 to 4, width of a group, blocks, ratio of a bottleneck (appendix D)
_KEYS = ('w0', 'wa', 'wm', 'group_w', 'depth', 'bot_mul')
_ARCHS = {
    'regnetx_400mf': (24, 24.48, 2.54, 16, 22, 1.0),
    'regnetx_800mf': (56, 35.73, 2.28, 16, 16, 1.0),
    'regnetx_1.6gf': (80, 34.01, 2.25, 24, 18, 1.0),
    'regnetx_3.2gf': (88, 26.31, 2.25, 48, 25, 1.0),
    'regnetx_4.0gf': (96, 38.65, 2.43, 40, 23, 1.0),
    'regnetx_6.4gf': (184, 60.83, 2.07, 56, 17, 1.0),
    'regnetx_8.0gf': (80, 49.56, 2.88, 120, 23, 1.0),
    'regnetx_12gf': (168, 73.36, 2.37, 112, 19, 1.0),
}


class XBlock(Bottleneck):
    """A bottleneck as wide inside as outside (figure 4)."""

    expansion = 1


@BACKBONES.register_module()
class RegNet(ResNetBase):
    """RegNetX; the feature maps of the stages asked for.

    Args:
        arch: 'regnetx_400mf', ..., 'regnetx_12gf', or a dict of w0, wa, wm (widths of the blocks),
            group_w, depth (number of blocks) and bot_mul (width of a block inside, to outside).
        stem_channels: channels of the 3x3 convolution of stride 2 before the stages.
        strides, dilations: of the stages; each stage of the paper's halves the map.
        out_indices: stages returned; their maps have strides 4, 8, 16, 32 with the default
            `strides`.
        style: 'pytorch' or 'caffe': whether a block has its stride in the 3x3 or the first 1x1.
        frozen_stages: -1 none, 0 the stem, k the stem and the first k stages.
        norm_cfg: normalisation layers, `dict(type='BN')`.
        norm_eval: batch norm keeps its statistics in training, by default, as in mmdet.
        dcn, stage_with_dcn: deformable 3x3 convolutions, as in `ResNet`.
        zero_init_residual: without an `init_cfg`, the last norm of each block starts at 0.
        with_cp: recompute activations in the backward pass to save memory.
        init_cfg: `dict(type='Pretrained', checkpoint='open-mmlab://regnetx_3.2gf')`, a path, a
            URL, or an initialiser of mmengine; None draws by Kaiming.
    """

    def __init__(
        self,
        arch: str | dict,
        stem_channels: int = 32,
        strides: Sequence[int] = (2, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        style: str = 'pytorch',
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        norm_eval: bool = True,
        dcn: dict | None = None,
        stage_with_dcn: Sequence[bool] = (False, False, False, False),
        zero_init_residual: bool = True,
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.zero_init_residual = zero_init_residual and init_cfg is None
        arch = _parameters(arch)
        widths, depths = stages_of(arch)
        self.check_stages(
            len(widths), out_indices, frozen_stages, strides=strides, dilations=dilations,
            stage_with_dcn=stage_with_dcn,
        )  # fmt: skip
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.conv1 = Conv2d(3, stem_channels, 3, stride=2, padding=1, bias=False)
        name, norm = build_norm(norm_cfg, stem_channels)
        self.norm_name = f'{name}1'
        self.add_module(self.norm_name, norm)
        self.relu = nn.ReLU(inplace=True)

        def stages() -> Iterator[list[nn.Module]]:
            in_channels = stem_channels
            for stage, (channels, depth) in enumerate(zip(widths, depths, strict=True)):
                width = round(channels * arch['bot_mul'])
                groups = width // min(arch['group_w'], width)
                stage_dcn = dcn if stage_with_dcn[stage] else None
                layers = (dilations[stage], style, None, norm_cfg, stage_dcn)
                blocks = []
                for stride in (strides[stage], *[1] * (depth - 1)):
                    blocks.append(XBlock(in_channels, channels, width, groups, stride, *layers))
                    in_channels = channels
                yield blocks

        self.add_stages(stages(), out_indices, frozen_stages)

    def run_stem(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> the input of the first stage, at stride 2."""
        return self.relu(conv_norm(*self.stem_modules(), x))


def stages_of(arch: Mapping[str, float]) -> tuple[list[int], list[int]]:
    """Returns the widths of the stages and their numbers of blocks (section 3.3).

    Widths grow by a line, are rounded to powers of `wm` and then to multiples of 8; blocks of one
    width are a stage. Each width is made a multiple of the group's.
    """
    line = arch['w0'] + arch['wa'] * np.arange(arch['depth'])
    powers = np.round(np.log(line / arch['w0']) / np.log(arch['wm']))
    per_block = np.round(arch['w0'] * np.power(arch['wm'], powers) / 8).astype(int) * 8
    runs = [(width, len(list(blocks))) for width, blocks in groupby(per_block.tolist())]
    return [_fitted(width, arch) for width, _ in runs], [depth for _, depth in runs]


def _fitted(width: int, arch: Mapping[str, float]) -> int:
    inside = int(width * arch['bot_mul'])
    group = min(int(arch['group_w']), inside)
    return int(round(inside / group) * group / arch['bot_mul'])


def _parameters(arch: str | Mapping[str, float]) -> dict[str, float]:
    if isinstance(arch, Mapping):
        if set(arch) != set(_KEYS):
            raise ConfigError(
                f'RegNet: arch has the keys {", ".join(_KEYS)}; found {", ".join(arch)}'
            )
        return dict(arch)
    if arch not in _ARCHS:
        raise ConfigError(
            f"RegNet: arch '{arch}' is unknown.{did_you_mean(arch, _ARCHS)} "
            f'Known: {", ".join(_ARCHS)}.'
        )
    return dict(zip(_KEYS, _ARCHS[arch], strict=True))
