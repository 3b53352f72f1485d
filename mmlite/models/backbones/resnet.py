"""ResNet (He et al. 2015) and ResNeXt (Xie et al. 2017); keys are torchvision's, as mmdet's are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.base import KAIMING, Backbone
from mmlite.models.layers import build_norm, conv_class, conv_norm
from mmlite.registry import BACKBONES


class Block(nn.Module):
    """What both blocks share: norm layers are named as mmdet names them, `bn1` or `gn1`."""

    def add_norm(self, number: int, norm_cfg: dict, channels: int) -> None:
        self.norm_name, norm = build_norm(norm_cfg, channels)
        self.add_module(f'{self.norm_name}{number}', norm)

    def conv_norm(self, number: int, x: Tensor) -> Tensor:
        norm = getattr(self, f'{self.norm_name}{number}')
        return conv_norm(getattr(self, f'conv{number}'), norm, x)

    def last_norm(self) -> nn.Module:
        return getattr(self, f'{self.norm_name}{3 if hasattr(self, "conv3") else 2}')


class BasicBlock(Block):
    """Two 3x3 convolutions and a shortcut (figure 5, left)."""

    expansion = 1

    def __init__(
        self, in_channels: int, channels: int, width: int, groups: int, stride: int,
        dilation: int, style: str, conv_cfg: dict | None, norm_cfg: dict, dcn: dict | None,
    ) -> None:  # fmt: skip
        super().__init__()
        wide = dict(padding=dilation, dilation=dilation)
        self.conv1 = conv_class(conv_cfg)(in_channels, channels, 3, stride, **wide, bias=False)
        self.add_norm(1, norm_cfg, channels)
        self.conv2 = conv_class(conv_cfg)(channels, channels, 3, padding=1, bias=False)
        self.add_norm(2, norm_cfg, channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, channels, stride, conv_cfg, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv_norm(2, self.relu(self.conv_norm(1, x)))
        out += x if self.downsample is None else conv_norm(*self.downsample, x)
        return self.relu(out)


class Bottleneck(Block):
    """1x1, 3x3, 1x1 convolutions and a shortcut (figure 5, right).

    The 3x3 convolution has `width` channels in `groups`, and may be dilated or deformable. The
    stride sits on it for style 'pytorch', on the first 1x1 for 'caffe'.
    """

    expansion = 4

    def __init__(
        self, in_channels: int, channels: int, width: int, groups: int, stride: int,
        dilation: int, style: str, conv_cfg: dict | None, norm_cfg: dict, dcn: dict | None,
    ) -> None:  # fmt: skip
        super().__init__()
        first, second = (1, stride) if style == 'pytorch' else (stride, 1)
        out_channels = channels * self.expansion
        wide = dict(padding=dilation, dilation=dilation, groups=groups)
        self.conv1 = conv_class(conv_cfg)(in_channels, width, 1, first, bias=False)
        self.add_norm(1, norm_cfg, width)
        self.conv2 = conv_class(dcn or conv_cfg)(width, width, 3, second, **wide, bias=False)
        self.add_norm(2, norm_cfg, width)
        self.conv3 = conv_class(conv_cfg)(width, out_channels, 1, bias=False)
        self.add_norm(3, norm_cfg, out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, out_channels, stride, conv_cfg, norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.conv_norm(1, x))
        out = self.conv_norm(3, self.relu(self.conv_norm(2, out)))
        out += x if self.downsample is None else conv_norm(*self.downsample, x)
        return self.relu(out)


def _shortcut(
    in_channels: int, out_channels: int, stride: int, conv_cfg: dict | None, norm_cfg: dict
) -> nn.Sequential | None:
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(
        conv_class(conv_cfg)(in_channels, out_channels, 1, stride, bias=False),
        build_norm(norm_cfg, out_channels)[1],
    )


_DEPTHS = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


# a ResNeXt is a ResNet whose 3x3 convolutions have groups
@BACKBONES.register_module(name=['ResNet', 'ResNeXt'])
class ResNet(Backbone):
    """ResNet; the feature maps of the stages asked for.

    Args:
        depth: 18, 34, 50, 101 or 152.
        num_stages: how many of the four stages are built.
        out_indices: stages returned, 0..3; their maps have strides 4, 8, 16, 32 with the default
            `strides`.
        strides, dilations: of the stages. SSD takes a last stage of stride 1 and dilation 2, whose
            map is then as fine as the one before (DSSD, Fu et al. 2017, section 3).
        base_channels: width of the first stage; 64 in the paper, less for a small model.
        groups, base_width: of ResNeXt: 32 and 4 for 32x4d.
        style: 'pytorch' or 'caffe': where a bottleneck has its stride.
        frozen_stages: -1 none, 0 the stem, k the stem and the first k stages.
        conv_cfg: other convolutions, `dict(type='ConvWS')`; None for ordinary ones.
        norm_cfg: normalisation layers, `dict(type='BN')`.
        norm_eval: batch norm keeps its statistics in training, by default, as in mmdet.
        dcn: `dict(type='DCNv2', deform_groups=1)` for deformable 3x3 convolutions in bottlenecks,
            in the stages where `stage_with_dcn` is True.
        zero_init_residual: without an `init_cfg`, the last norm of each block starts at 0.
        with_cp: recompute activations in the backward pass to save memory.
        init_cfg: `dict(type='Pretrained', checkpoint='torchvision://resnet50')`, a path, a URL,
            or an initialiser of mmengine; None draws by Kaiming.
    """

    INIT_CFG = KAIMING

    def __init__(
        self,
        depth: int,
        num_stages: int = 4,
        out_indices: Sequence[int] = (0, 1, 2, 3),
        strides: Sequence[int] = (1, 2, 2, 2),
        dilations: Sequence[int] = (1, 1, 1, 1),
        base_channels: int = 64,
        groups: int = 1,
        base_width: int = 4,
        style: str = 'pytorch',
        frozen_stages: int = -1,
        conv_cfg: dict | None = None,
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
        if depth not in _DEPTHS:
            raise ConfigError(f'ResNet: depth {depth} is unknown; known: {list(_DEPTHS)}')
        if style not in ('pytorch', 'caffe'):
            raise ConfigError(f"ResNet: style is 'pytorch' or 'caffe', found {style!r}")
        if max(out_indices) >= num_stages:
            raise ConfigError(
                f'ResNet: out_indices {tuple(out_indices)} need {max(out_indices) + 1} stages, '
                f'num_stages is {num_stages}'
            )
        if min(len(strides), len(dilations)) < num_stages:
            raise ConfigError(
                f'ResNet: strides {tuple(strides)} and dilations {tuple(dilations)} have one value '
                f'for each of {num_stages} stages'
            )
        if frozen_stages > num_stages:
            raise ConfigError(
                f'ResNet: frozen_stages is {frozen_stages}, num_stages is {num_stages}'
            )
        block, num_blocks = _DEPTHS[depth]
        if groups > 1 and block is BasicBlock:
            raise ConfigError(f'ResNet: depth {depth} has no bottlenecks for groups={groups}')
        if dcn is not None and block is BasicBlock:
            raise ConfigError(f'ResNet: depth {depth} has no bottlenecks for dcn')
        if len(stage_with_dcn) != 4:
            raise ConfigError(
                f'ResNet: stage_with_dcn has one value for each of 4 stages, found {stage_with_dcn}'
            )
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        self.out_indices = tuple(out_indices)
        self.num_stages = num_stages
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp

        self.conv1 = conv_class(conv_cfg)(3, base_channels, 7, stride=2, padding=3, bias=False)
        name, norm = build_norm(norm_cfg, base_channels)
        self.norm_name = f'{name}1'
        self.add_module(self.norm_name, norm)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        in_channels = base_channels
        for stage in range(num_stages):
            channels = base_channels * 2**stage
            width = channels
            if groups > 1:
                width = math.floor(channels * base_width / base_channels) * groups
            stage_dcn = dcn if stage_with_dcn[stage] else None
            layers = (dilations[stage], style, conv_cfg, norm_cfg, stage_dcn)
            blocks = []
            for stride in (strides[stage], *[1] * (num_blocks[stage] - 1)):
                blocks.append(block(in_channels, channels, width, groups, stride, *layers))
                in_channels = channels * block.expansion
            self.add_module(f'layer{stage + 1}', nn.Sequential(*blocks))
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        x = self.maxpool(self.relu(conv_norm(self.conv1, getattr(self, self.norm_name), x)))
        feats = []
        for stage in range(self.num_stages):
            layer = getattr(self, f'layer{stage + 1}')
            if self.with_cp and self.training and x.requires_grad:
                x = torch.utils.checkpoint.checkpoint_sequential(
                    layer, len(layer), x, use_reentrant=False
                )
            else:
                x = layer(x)
            if stage in self.out_indices:
                feats.append(x)
        return feats

    def init_weights(self) -> None:
        super().init_weights()
        if self.zero_init_residual:  # each block starts as its shortcut (Goyal et al. 2017, 5.1)
            for block in self.modules():
                # a frozen norm would keep the block shut for ever
                if isinstance(block, Block) and block.last_norm().weight.requires_grad:
                    nn.init.zeros_(block.last_norm().weight)

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the stem and the stages of `frozen_stages`."""
        stem = [self.conv1, getattr(self, self.norm_name)] if self.frozen_stages >= 0 else []
        return stem + [getattr(self, f'layer{i}') for i in range(1, self.frozen_stages + 1)]

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Drops the classifier from the tensors of torchvision's or mmdet's file."""
        return {key: v for key, v in state_dict.items() if not key.startswith('fc.')}
