"""ResNeSt (Zhang et al. 2020): splits of channels that attend to each other. Keys are mmdet's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.res2net import DeepStem, pooled_shortcut
from mmlite.models.backbones.residual_blocks import Block
from mmlite.models.backbones.resnet import ResNetBase
from mmlite.models.layers import Conv2d, build_norm, conv_class, conv_norm
from mmlite.registry import BACKBONES

_DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}
_EXPANSION = 4


@BACKBONES.register_module()
class ResNeSt(ResNetBase):
    """ResNeSt; the feature maps of the stages asked for.

    Args:
        depth: 50, 101, 152 or 200.
        stem_channels: channels behind the stem, 64 of ResNeSt-50, 128 of the larger ones.
        groups, base_width: cardinality K and, where K is above 1, the width of a group.
        radix: R, splits within a group.
        reduction_factor: by which the attention is narrower than what it is for.
        avg_down_stride: a block shrinks its map by pooling; else by the stride of its convolution.
        num_stages, strides, dilations, out_indices, frozen_stages, norm_cfg, norm_eval: as ResNet.
        dcn, stage_with_dcn: deformable 3x3 convolutions, as in ResNet.
        with_cp: recompute activations in the backward pass to save memory.
        init_cfg: `dict(type='Pretrained', checkpoint='open-mmlab://resnest50')`, a path, a URL, or
            an initialiser of mmengine; None draws by Kaiming.
    """

    def __init__(
        self, depth: int, stem_channels: int = 64, groups: int = 1, base_width: int = 4,
        radix: int = 2, reduction_factor: int = 4, avg_down_stride: bool = True,
        num_stages: int = 4, strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1), out_indices: Sequence[int] = (0, 1, 2, 3),
        frozen_stages: int = -1, norm_cfg: dict | None = None, norm_eval: bool = True,
        dcn: dict | None = None, stage_with_dcn: Sequence[bool] = (False, False, False, False),
        with_cp: bool = False, init_cfg: dict | list | None = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if depth not in _DEPTHS:
            raise ConfigError(f'ResNeSt: depth {depth} is unknown; known: {list(_DEPTHS)}')
        self.check_stages(
            num_stages, out_indices, frozen_stages, strides=strides, dilations=dilations,
            stage_with_dcn=stage_with_dcn,
        )  # fmt: skip
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.stem = DeepStem(stem_channels, norm_cfg)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        def stages() -> Iterator[list[nn.Module]]:
            in_channels = stem_channels
            for stage, count in enumerate(_DEPTHS[depth][:num_stages]):
                channels = 64 * 2**stage
                width = channels if groups == 1 else channels * base_width // 64 * groups
                split = dict(groups=groups, radix=radix, reduction_factor=reduction_factor)
                split |= dict(dilation=dilations[stage], norm_cfg=norm_cfg)
                split |= dict(dcn=dcn if stage_with_dcn[stage] else None)
                blocks = []
                for number in range(count):
                    stride = 1 if number else strides[stage]
                    out_channels = channels * _EXPANSION
                    blocks.append(
                        SplitBottleneck(
                            in_channels, width, out_channels, stride, avg_down_stride, split
                        )
                    )
                    in_channels = out_channels
                yield blocks

        self.add_stages(stages(), out_indices, frozen_stages)

    def stem_modules(self) -> list[nn.Module]:
        """Returns what is before the stages and has weights."""
        return [self.stem]

    def run_stem(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> the input of the first stage, at stride 4."""
        return self.maxpool(self.stem(x))


class SplitBottleneck(Block):
    """A bottleneck with a split-attention block in the place of its 3x3 convolution (figure 2)."""

    def __init__(
        self, in_channels: int, width: int, out_channels: int, stride: int, avg_down_stride: bool,
        split: dict,
    ) -> None:  # fmt: skip
        super().__init__()
        pools = avg_down_stride and stride > 1
        self.conv1 = Conv2d(in_channels, width, 1, bias=False)
        self.add_norm(1, split['norm_cfg'], width)
        self.conv2 = SplitAttention(width, stride=1 if pools else stride, **split)
        self.pool = nn.AvgPool2d(3, stride, padding=1) if pools else nn.Identity()
        self.conv3 = Conv2d(width, out_channels, 1, bias=False)
        self.add_norm(3, split['norm_cfg'], out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = pooled_shortcut(in_channels, out_channels, stride, split['norm_cfg'])

    def forward(self, x: Tensor) -> Tensor:
        out = self.pool(self.conv2(self.relu(self.conv_norm(1, x))))
        out = self.conv_norm(3, out)
        if self.downsample is None:
            return self.relu(out + x)
        pool, *conv_and_norm = self.downsample
        return self.relu(out + conv_norm(*conv_and_norm, pool(x)))


class SplitAttention(nn.Module):
    """R splits of each group are weighed against each other, channel by channel (section 3.1)."""

    def __init__(
        self, channels: int, stride: int, dilation: int, groups: int, radix: int,
        reduction_factor: int, norm_cfg: dict, dcn: dict | None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.groups, self.radix = groups, radix
        wide = dict(padding=dilation, dilation=dilation, groups=groups * radix, bias=False)
        self.conv = conv_class(dcn)(channels, channels * radix, 3, stride, **wide)
        inner = max(channels * radix // reduction_factor, 32)
        name, norm = build_norm(norm_cfg, channels * radix)
        self.norms = [f'{name}0', f'{name}1']
        self.add_module(self.norms[0], norm)
        self.relu = nn.ReLU(inplace=True)
        self.fc1 = Conv2d(channels, inner, 1, groups=groups)
        self.add_module(self.norms[1], build_norm(norm_cfg, inner)[1])
        self.fc2 = Conv2d(inner, channels * radix, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        first, second = (getattr(self, name) for name in self.norms)
        x = self.relu(conv_norm(self.conv, first, x))
        splits = x.unflatten(1, (self.radix, -1))  # (N, R * C, h, w) -> (N, R, C, h, w)
        mean = splits.sum(dim=1).mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        weights = self.fc2(self.relu(conv_norm(self.fc1, second, mean)))  # (N, R * C, 1, 1)
        if self.radix == 1:
            return x * weights.sigmoid()
        # (N, R * C, 1, 1) -> (N, K, R, C / K) -> (N, R, K, C / K) -> (N, R, C, 1, 1)
        weights = weights.flatten(1).unflatten(1, (self.groups, self.radix, -1)).transpose(1, 2)
        weights = weights.softmax(dim=1).flatten(2)[..., None, None]
        return (weights * splits).sum(dim=1)
