"""ResNet (He et al. 2015) and ResNeXt (Xie et al. 2017); keys are torchvision's, as mmdet's are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.base import KAIMING, Backbone
from mmlite.models.backbones.residual_blocks import (
    BasicBlock,
    Block,
    Bottleneck,
    stage_of_blocks,
)
from mmlite.models.layers import build_norm, conv_class, conv_norm
from mmlite.registry import BACKBONES


class ResNetBase(Backbone):
    """A stem and up to four stages of residual blocks, `layer1` to `layer4`.

    A subclass checks its stages, builds its stem, then calls `add_stages`.
    """

    INIT_CFG = KAIMING
    zero_init_residual = False  # the last norm of each block starts at 0

    def check_stages(
        self, num_stages: int, out_indices: Sequence[int], frozen_stages: int, **per_stage: Sequence
    ) -> None:
        """Raises ConfigError where stages are asked for that are not there.

        Args:
            num_stages, out_indices, frozen_stages: as the backbone has them.
            per_stage: other arguments, by name, that have one value for each stage at least.
        """
        name = type(self).__name__
        if max(out_indices) >= num_stages:
            raise ConfigError(
                f'{name}: out_indices {tuple(out_indices)} need {max(out_indices) + 1} stages, '
                f'num_stages is {num_stages}'
            )
        for key, values in per_stage.items():
            if len(values) < num_stages:
                raise ConfigError(
                    f'{name}: {key} {tuple(values)} has fewer values than there are stages: one '
                    f'for each of {num_stages} stages is expected'
                )
        if frozen_stages > num_stages:
            raise ConfigError(
                f'{name}: frozen_stages is {frozen_stages}, num_stages is {num_stages}'
            )

    def add_stages(
        self, stages: Iterable[Sequence[nn.Module]], out_indices: Sequence[int], frozen_stages: int
    ) -> None:
        """Makes layers of the blocks of each stage, and freezes the first ones."""
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.num_stages = 0
        for blocks in stages:
            self.num_stages += 1
            self.add_module(f'layer{self.num_stages}', nn.Sequential(*blocks))
        self.freeze()

    def stem_modules(self) -> list[nn.Module]:
        """Returns what is before the stages and has weights."""
        return [self.conv1, getattr(self, self.norm_name)]

    def run_stem(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> the input of the first stage."""
        return self.maxpool(self.relu(conv_norm(*self.stem_modules(), x)))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        x = self.run_stem(x)
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
        stem = self.stem_modules() if self.frozen_stages >= 0 else []
        return stem + [getattr(self, f'layer{i}') for i in range(1, self.frozen_stages + 1)]

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Drops the classifier from the tensors of torchvision's or mmdet's file."""
        return {key: v for key, v in state_dict.items() if not key.startswith('fc.')}


DEPTHS = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


# a ResNeXt is a ResNet whose 3x3 convolutions have groups
@BACKBONES.register_module(name=['ResNet', 'ResNeXt'])
class ResNet(ResNetBase):
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
        if depth not in DEPTHS:
            raise ConfigError(f'ResNet: depth {depth} is unknown; known: {list(DEPTHS)}')
        if style not in ('pytorch', 'caffe'):
            raise ConfigError(f"ResNet: style is 'pytorch' or 'caffe', found {style!r}")
        self.check_stages(
            num_stages, out_indices, frozen_stages, strides=strides, dilations=dilations,
            stage_with_dcn=stage_with_dcn,
        )  # fmt: skip
        block, num_blocks = DEPTHS[depth]
        if groups > 1 and block is BasicBlock:
            raise ConfigError(f'ResNet: depth {depth} has no bottlenecks for groups={groups}')
        if dcn is not None and block is BasicBlock:
            raise ConfigError(f'ResNet: depth {depth} has no bottlenecks for dcn')
        norm_cfg = norm_cfg or dict(type='BN', requires_grad=True)
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        self.conv1 = conv_class(conv_cfg)(3, base_channels, 7, stride=2, padding=3, bias=False)
        name, norm = build_norm(norm_cfg, base_channels)
        self.norm_name = f'{name}1'
        self.add_module(self.norm_name, norm)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        def stages() -> Iterator[list[nn.Module]]:
            in_channels = base_channels
            for stage in range(num_stages):
                channels = base_channels * 2**stage
                width = channels
                if groups > 1:
                    width = math.floor(channels * base_width / base_channels) * groups
                stage_dcn = dcn if stage_with_dcn[stage] else None
                layers = (dilations[stage], style, conv_cfg, norm_cfg, stage_dcn)
                shape = (in_channels, channels, width, groups, strides[stage])
                yield stage_of_blocks(block, num_blocks[stage], *shape, *layers)
                in_channels = channels * block.expansion

        self.add_stages(stages(), out_indices, frozen_stages)
