"""Res2Net (Gao et al. 2019), in the form v1d with a deep stem. State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.residual_blocks import Block
from mmlite.models.backbones.resnet import ResNetBase
from mmlite.models.layers import Conv2d, build_norm, conv_class, conv_norm
from mmlite.registry import BACKBONES

_DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
_EXPANSION = 4


@BACKBONES.register_module()
class Res2Net(ResNetBase):
    """Res2Net; the feature maps of the stages asked for.

    Args:
        depth: 50, 101 or 152.
        scales, base_width: groups of channels inside a block, and their width in the first stage: 4
            and 26 in res2net101_v1d_26w_4s.
        num_stages: how many of the four stages are built.
        strides, dilations: of the stages.
        out_indices: stages returned, 0..3; their maps have strides 4, 8, 16, 32 with the default
            `strides`.
        frozen_stages: -1 none, 0 the stem, k the stem and the first k stages.
        norm_cfg: normalisation layers, `dict(type='BN')`.
        norm_eval: batch norm keeps its statistics in training, by default, as in mmdet.
        dcn, stage_with_dcn: deformable 3x3 convolutions, as in `ResNet`.
        with_cp: recompute activations in the backward pass to save memory.
        init_cfg: `dict(type='Pretrained', checkpoint='open-mmlab://res2net101_v1d_26w_4s')`, a
            path, a URL, or an initialiser of mmengine; None draws by Kaiming.
    """

    def __init__(
        self,
        depth: int,
        scales: int = 4,
        base_width: int = 26,
        num_stages: int = 4,
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1,
        norm_cfg: dict | None = None,
        norm_eval: bool = True,
        dcn: dict | None = None,
        stage_with_dcn: Sequence[bool] = (False, False, False, False),
        with_cp: bool = False,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if depth not in _DEPTHS:
            raise ConfigError(f'Res2Net: depth {depth} is unknown; known: {list(_DEPTHS)}')
        if scales < 2:
            raise ConfigError(f'Res2Net: scales is 2 at least, found {scales}: 1 is a ResNet')
        self.check_stages(
            num_stages, out_indices, frozen_stages, strides=strides, dilations=dilations,
            stage_with_dcn=stage_with_dcn,
        )  # fmt: skip
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.stem = DeepStem(64, norm_cfg)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        def stages() -> Iterator[list[nn.Module]]:
            in_channels = 64
            for stage, depth_of_stage in enumerate(_DEPTHS[depth][:num_stages]):
                channels = 64 * 2**stage
                width = int(channels * base_width / 64)
                layers = (scales, width, dilations[stage], norm_cfg)
                stage_dcn = dcn if stage_with_dcn[stage] else None
                blocks = []
                for number in range(depth_of_stage):
                    stride = 1 if number else strides[stage]
                    blocks.append(
                        Bottle2neck(in_channels, channels, stride, number == 0, *layers, stage_dcn)
                    )
                    in_channels = channels * _EXPANSION
                yield blocks

        self.add_stages(stages(), out_indices, frozen_stages)

    def stem_modules(self) -> list[nn.Module]:
        """Returns what is before the stages and has weights."""
        return [self.stem]

    def run_stem(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> the input of the first stage, at stride 4."""
        return self.maxpool(self.stem(x))


class DeepStem(nn.Sequential):
    """Three 3x3 convolutions in place of a 7x7 (Bag of Tricks, He et al. 2018, ResNet-C)."""

    def __init__(self, channels: int, norm_cfg: dict) -> None:
        widths = (3, channels // 2, channels // 2, channels)
        layers: list[nn.Module] = []
        for number in range(3):
            wide, wider = widths[number : number + 2]
            stride = 2 if number == 0 else 1
            layers.append(Conv2d(wide, wider, 3, stride, padding=1, bias=False))
            layers += [build_norm(norm_cfg, wider)[1], nn.ReLU(inplace=True)]
        super().__init__(*layers)

    def forward(self, x: Tensor) -> Tensor:
        for i in range(0, len(self), 3):
            x = self[i + 2](conv_norm(self[i], self[i + 1], x))
        return x


class Bottle2neck(Block):
    """A bottleneck whose 3x3 is a chain: each group of channels sees the ones before (figure 2b).

    The first block of a stage has no chain: its groups are convolved each by itself, the last one
    is pooled where the map shrinks.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int, is_first: bool, scales: int,
        width: int, dilation: int, norm_cfg: dict, dcn: dict | None,
    ) -> None:  # fmt: skip
        super().__init__()
        out_channels = channels * _EXPANSION
        wide = dict(padding=dilation, dilation=dilation, bias=False)
        self.conv1 = Conv2d(in_channels, width * scales, 1, bias=False)
        self.add_norm(1, norm_cfg, width * scales)
        self.convs = nn.ModuleList(
            conv_class(dcn)(width, width, 3, stride, **wide) for _ in range(scales - 1)
        )
        self.bns = nn.ModuleList(build_norm(norm_cfg, width)[1] for _ in range(scales - 1))
        self.conv3 = Conv2d(width * scales, out_channels, 1, bias=False)
        self.add_norm(3, norm_cfg, out_channels)
        self.relu = nn.ReLU(inplace=True)
        shrinks = is_first and stride != 1
        self.pool = nn.AvgPool2d(3, stride, padding=1) if shrinks else nn.Identity()
        self.is_first = is_first
        self.downsample = pooled_shortcut(in_channels, out_channels, stride, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.conv_norm(1, x))
        *groups, last = out.chunk(len(self.convs) + 1, dim=1)
        seen: list[Tensor] = []
        for group, conv, norm in zip(groups, self.convs, self.bns, strict=True):
            if seen and not self.is_first:
                group = group + seen[-1]
            seen.append(self.relu(conv_norm(conv, norm, group)))
        out = self.conv_norm(3, torch.cat([*seen, self.pool(last)], dim=1))
        if self.downsample is None:
            return self.relu(out + x)
        pool, *conv_and_norm = self.downsample
        return self.relu(out + conv_norm(*conv_and_norm, pool(x)))


def pooled_shortcut(
    in_channels: int, out_channels: int, stride: int, norm_cfg: dict
) -> nn.Sequential | None:
    """Pools before its 1x1 convolution, which then sees every cell (Bag of Tricks, ResNet-D)."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False),
        Conv2d(in_channels, out_channels, 1, bias=False),
        build_norm(norm_cfg, out_channels)[1],
    )
