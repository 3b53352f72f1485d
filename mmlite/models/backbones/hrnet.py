"""HRNet (Sun et al. 2019, arXiv 1904.04514): maps of all sizes beside each other. Keys as mmdet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError, did_you_mean
from mmlite.models.backbones.base import KAIMING, Backbone
from mmlite.models.backbones.residual_blocks import BasicBlock, Block, Bottleneck
from mmlite.models.layers import Conv2d, ConvNorm, build_norm, conv_norm
from mmlite.registry import BACKBONES

_BLOCKS = dict(BASIC=BasicBlock, BOTTLENECK=Bottleneck)
_KEYS = ('num_modules', 'num_branches', 'block', 'num_blocks', 'num_channels')


@BACKBONES.register_module()
class HRNet(Backbone):
    """HRNetV2p; the maps of the last stage, of strides 4, 8, 16, 32.

    Args:
        extra: dict of the four stages, `stage1` to `stage4`, each a dict of `num_modules`,
            `num_branches`, `block` ('BASIC' or 'BOTTLENECK'), and for each branch `num_blocks` and
            `num_channels`.
        norm_cfg: normalisation layers, `dict(type='BN')`.
        norm_eval: batch norm keeps its statistics in training, by default, as in mmdet.
        with_cp: recompute activations in the backward pass to save memory.
        zero_init_residual: without an `init_cfg`, the last norm of each block starts at 0.
        multiscale_output: all maps of the last stage; else only the first, of stride 4.
        init_cfg: `dict(type='Pretrained', checkpoint='open-mmlab://msra/hrnetv2_w32')`, a path, a
            URL, or an initialiser of mmengine; None draws by Kaiming.

    Raises:
        ConfigError: `extra` does not have that form.
    """

    INIT_CFG = KAIMING

    def __init__(
        self,
        extra: dict,
        norm_cfg: dict | None = None,
        norm_eval: bool = True,
        with_cp: bool = False,
        zero_init_residual: bool = False,
        multiscale_output: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.zero_init_residual = zero_init_residual and init_cfg is None
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        norm_cfg = norm_cfg or dict(type='BN')
        first, *others = (_checked(extra, f'stage{number}') for number in (1, 2, 3, 4))

        self.conv1 = Conv2d(3, 64, 3, stride=2, padding=1, bias=False)
        self.conv2 = Conv2d(64, 64, 3, stride=2, padding=1, bias=False)
        for number in (1, 2):
            name, norm = build_norm(norm_cfg, 64)
            self.add_module(f'{name}{number}', norm)
        self.norm_name = name
        self.relu = nn.ReLU(inplace=True)
        block = _BLOCKS[first['block']]
        self.layer1 = _branch(block, 64, first['num_channels'][0], first['num_blocks'][0], norm_cfg)
        channels = [first['num_channels'][0] * block.expansion]
        for number, stage in enumerate(others, 2):
            block = _BLOCKS[stage['block']]
            widths = [width * block.expansion for width in stage['num_channels']]
            self.add_module(f'transition{number - 1}', _transition(channels, widths, norm_cfg))
            last = stage['num_modules'] - 1
            modules = [
                HRModule(
                    stage, block, norm_cfg, all_sizes=multiscale_output or number < 4 or i < last
                )
                for i in range(stage['num_modules'])
            ]
            self.add_module(f'stage{number}', nn.Sequential(*modules))
            channels = widths

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> maps (N, C_i, H / s_i, W / s_i) of strides 4, 8, 16, 32."""
        for number in (1, 2):
            norm = getattr(self, f'{self.norm_name}{number}')
            x = self.relu(conv_norm(getattr(self, f'conv{number}'), norm, x))
        feats = [self._run(self.layer1, x)]
        for number in (2, 3, 4):
            transition = getattr(self, f'transition{number - 1}')
            # a branch that is new starts from the coarsest map, the others from their own
            sources = [*feats, *[feats[-1]] * (len(transition) - len(feats))]
            feats = [
                source if layer is None else layer(source)
                for layer, source in zip(transition, sources, strict=True)
            ]
            feats = self._run(getattr(self, f'stage{number}'), feats)
        return feats

    def init_weights(self) -> None:
        super().init_weights()
        if self.zero_init_residual:  # each block starts as its shortcut (Goyal et al. 2017, 5.1)
            for block in self.modules():
                if isinstance(block, Block):
                    nn.init.zeros_(block.last_norm().weight)

    def _run(self, modules: nn.Sequential, x: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        for module in modules:
            if self.with_cp and self.training:
                x = torch.utils.checkpoint.checkpoint(module, x, use_reentrant=False)
            else:
                x = module(x)
        return x


class HRModule(nn.Module):
    """Branches of one size each, then every size gets the sum of all (figure 2).

    Args:
        stage: its dict in `extra`.
        block: class of the blocks of the branches.
        norm_cfg: normalisation layers.
        all_sizes: False returns the first size only.
    """

    def __init__(self, stage: Mapping, block: type[Block], norm_cfg: dict, all_sizes: bool) -> None:
        super().__init__()
        widths = [width * block.expansion for width in stage['num_channels']]
        self.branches = nn.ModuleList(
            _branch(block, wide, channels, depth, norm_cfg)
            for wide, channels, depth in zip(
                widths, stage['num_channels'], stage['num_blocks'], strict=True
            )
        )
        targets = range(len(widths) if all_sizes else 1)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_fuse(widths, source, target, norm_cfg) for source in range(len(widths)))
            for target in targets
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, h_i, w_i), the largest first -> as many, or one, of the same shapes."""
        feats = [branch(feat) for branch, feat in zip(self.branches, feats, strict=True)]
        return [
            self._fused(target, layers, feats) for target, layers in enumerate(self.fuse_layers)
        ]

    def _fused(self, target: int, layers: nn.ModuleList, feats: Sequence[Tensor]) -> Tensor:
        size = feats[target].shape[-2:]
        total = 0
        for source, (layer, feat) in enumerate(zip(layers, feats, strict=True)):
            if source != target:
                feat = layer(feat)
            if source > target:
                feat = F.interpolate(feat, size, mode='nearest')
            total = total + feat
        return F.relu(total)


def _fuse(widths: Sequence[int], source: int, target: int, norm_cfg: dict) -> nn.Module | None:
    """From one size to another: a 1x1 for what grows, 3x3s of stride 2 for what shrinks."""
    wide, other = widths[source], widths[target]
    if source == target:
        return None
    if source > target:
        return _conv_norm(wide, other, 1, 1, norm_cfg)
    steps = [_conv_norm(wide, wide, 3, 2, norm_cfg, relu=True) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _conv_norm(wide, other, 3, 2, norm_cfg))


def _transition(before: Sequence[int], widths: Sequence[int], norm_cfg: dict) -> nn.ModuleList:
    """From the channels of a stage to those of the next, which has one size more."""
    layers: list[nn.Module | None] = []
    for wide, wider in zip(before, widths, strict=False):
        same = wide == wider
        layers.append(None if same else _conv_norm(wide, wider, 3, 1, norm_cfg, relu=True))
    for number, wider in enumerate(widths[len(before) :]):
        steps = [*[before[-1]] * (number + 1), wider]
        layers.append(
            nn.Sequential(
                *(
                    _conv_norm(steps[i], steps[i + 1], 3, 2, norm_cfg, relu=True)
                    for i in range(number + 1)
                )
            )
        )
    return nn.ModuleList(layers)


def _conv_norm(
    wide: int, wider: int, kernel: int, stride: int, norm_cfg: dict, relu: bool = False
) -> ConvNorm:
    conv = Conv2d(wide, wider, kernel, stride, padding=kernel // 2, bias=False)
    after = [nn.ReLU(inplace=True)] if relu else []
    return ConvNorm(conv, build_norm(norm_cfg, wider)[1], *after)


def _branch(
    block: type[Block], in_channels: int, channels: int, depth: int, norm_cfg: dict
) -> nn.Sequential:
    layers = []
    for _ in range(depth):
        layers.append(
            block(in_channels, channels, channels, 1, 1, 1, 'pytorch', None, norm_cfg, None)
        )
        in_channels = channels * block.expansion
    return nn.Sequential(*layers)


def _checked(extra: Mapping, name: str) -> Mapping:
    stage = extra.get(name)
    if not isinstance(stage, Mapping) or set(stage) != set(_KEYS):
        raise ConfigError(
            f'HRNet: extra.{name} is a dict of {", ".join(_KEYS)}, found {stage!r:.200}'
        )
    if stage['block'] not in _BLOCKS:
        raise ConfigError(
            f"HRNet: extra.{name}.block is 'BASIC' or 'BOTTLENECK', found {stage['block']!r}."
            f'{did_you_mean(str(stage["block"]), _BLOCKS)}'
        )
    for key in ('num_blocks', 'num_channels'):
        if len(stage[key]) != stage['num_branches']:
            raise ConfigError(
                f'HRNet: extra.{name}.{key} has one number for each of {stage["num_branches"]} '
                f'branches, found {tuple(stage[key])}'
            )
    return stage
