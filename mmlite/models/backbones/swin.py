"""Swin Transformer (Liu et al. 2021). State-dict keys are mmdet's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch.utils.checkpoint
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.activations import build_activation
from mmlite.models.backbones.base import Backbone
from mmlite.models.backbones.swin_weights import fitted_to, swin_from_original
from mmlite.models.backbones.window_attention import ShiftedWindows
from mmlite.models.norms import build_norm
from mmlite.models.tokens import PatchEmbed, check_stages, drop_path, drop_path_rates, padded_to
from mmlite.registry import BACKBONES

_GELU = dict(type='GELU')
_LN = dict(type='LN')


@BACKBONES.register_module()
class SwinTransformer(Backbone):
    """Swin Transformer; the feature maps of the stages asked for, each after a norm of its own.

    Args:
        embed_dims: channels of the first stage; each stage doubles them.
        patch_size: side of the patches that become tokens, in pixels.
        window_size: side of the windows, in tokens.
        mlp_ratio: width of a block's second part inside, to outside.
        depths, num_heads: blocks and heads of each stage.
        strides: `patch_size`, then 2 for every other stage.
        out_indices: stages returned, 0..3; their maps have strides 4, 8, 16, 32.
        qkv_bias: queries, keys and values have a bias.
        qk_scale: factor on queries; None for 1 / sqrt(channels of a head).
        patch_norm: a norm behind the patches and before patches are merged.
        drop_rate, attn_drop_rate: dropout of tokens and of attention.
        drop_path_rate: stochastic depth of the last block; the first has 0.
        act_cfg, norm_cfg: activation and normalisation.
        with_cp: recompute activations in the backward pass to save memory.
        frozen_stages: -1 none, 0 the patch embedding, k that and the first k stages.
        pretrain_img_size, convert_weights: change nothing here: there are no absolute positions,
            and the authors' files are recognised by their names.
        init_cfg: `dict(type='Pretrained', checkpoint=...)`, a file of the authors or of mmdet, or
            an initialiser of mmengine; None draws as the paper's code does.

    Raises:
        ConfigError: arguments that do not fit the stages.
    """

    INIT_CFG: ClassVar[list] = [
        dict(type='TruncNormal', layer='Linear', std=0.02),
        dict(type='Constant', layer='LayerNorm', val=1),
    ]

    def __init__(
        self,
        pretrain_img_size: int | Sequence[int] = 224,
        embed_dims: int = 96,
        patch_size: int = 4,
        window_size: int = 7,
        mlp_ratio: float = 4,
        depths: Sequence[int] = (2, 2, 6, 2),
        num_heads: Sequence[int] = (3, 6, 12, 24),
        strides: Sequence[int] = (4, 2, 2, 2),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        qkv_bias: bool = True,
        qk_scale: float | None = None,
        patch_norm: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.1,
        act_cfg: dict = _GELU,
        norm_cfg: dict = _LN,
        with_cp: bool = False,
        convert_weights: bool = False,
        frozen_stages: int = -1,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        num_stages = len(depths)
        check_stages(
            'SwinTransformer', num_stages, out_indices, num_heads=num_heads, strides=strides
        )
        if list(strides) != [patch_size, *[2] * (num_stages - 1)]:
            raise ConfigError(
                f'SwinTransformer: strides are patch_size={patch_size}, then 2; found '
                f'{tuple(strides)}'
            )
        if frozen_stages not in range(-1, num_stages + 1):
            raise ConfigError(
                f'SwinTransformer: frozen_stages lies in -1..{num_stages}, found {frozen_stages}'
            )
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.with_cp = with_cp
        patches_cfg = norm_cfg if patch_norm else None
        self.patch_embed = PatchEmbed(3, embed_dims, patch_size, patch_size, None, patches_cfg)
        self.drop_after_pos = nn.Dropout(drop_rate)
        self.stages = nn.ModuleList()
        rates = drop_path_rates(drop_path_rate, depths)
        for stage, (heads, stage_rates) in enumerate(zip(num_heads, rates, strict=True)):
            channels = embed_dims * 2**stage
            module = nn.Module()
            module.blocks = nn.ModuleList(
                SwinBlock(
                    channels, heads, int(mlp_ratio * channels), window_size, number % 2 == 1,
                    qkv_bias, qk_scale, drop_rate, attn_drop_rate, rate, act_cfg, norm_cfg,
                )
                for number, rate in enumerate(stage_rates)
            )  # fmt: skip
            if stage < num_stages - 1:
                module.downsample = PatchMerging(channels, patches_cfg)
            self.stages.append(module)
        for stage in self.out_indices:
            norm = build_norm(norm_cfg, embed_dims * 2**stage)[1]
            self.add_module(f'norm{stage}', norm)
        self.freeze()

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        x = self.drop_after_pos(self.patch_embed(x))
        feats = []
        for number, stage in enumerate(self.stages):
            if number > 0:
                x = self.stages[number - 1].downsample(x)
            for block in stage.blocks:
                if self.with_cp and self.training and x.requires_grad:
                    x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
                else:
                    x = block(x)
            if number in self.out_indices:
                # (N, h, w, C) -> (N, C, h, w)
                feats.append(getattr(self, f'norm{number}')(x).permute(0, 3, 1, 2))
        return feats

    def frozen_modules(self) -> list[nn.Module]:
        """Returns the patch embedding, and stages and norms of `frozen_stages`."""
        first = [self.patch_embed, self.drop_after_pos] if self.frozen_stages >= 0 else []
        frozen = range(max(self.frozen_stages, 0))
        norms = [getattr(self, f'norm{i}') for i in frozen if i in self.out_indices]
        return [*first, *(self.stages[i] for i in frozen), *norms]

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Renames the tensors of the authors' file; fits tables of windows of another size."""
        inside = {key.removeprefix('backbone.'): value for key, value in state_dict.items()}
        return fitted_to(swin_from_original(inside), self.state_dict())


class SwinBlock(nn.Module):
    """Attention within windows, then two linear layers, each with a norm and a shortcut (fig. 3b).

    Args:
        channels, heads: of the tokens (N, H, W, C).
        hidden: channels between the two linear layers.
        window_size: side of the windows, in tokens.
        shifts: windows lie half a window further.
        qkv_bias, qk_scale, drop_rate, attn_drop_rate, act_cfg, norm_cfg: as the backbone has them.
        path_rate: rate of stochastic depth.
    """

    def __init__(
        self, channels: int, heads: int, hidden: int, window_size: int, shifts: bool,
        qkv_bias: bool, qk_scale: float | None, drop_rate: float, attn_drop_rate: float,
        path_rate: float, act_cfg: dict, norm_cfg: dict,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm1 = build_norm(norm_cfg, channels)[1]
        self.attn = ShiftedWindows(
            channels, heads, window_size, shifts, qkv_bias, qk_scale, attn_drop_rate, drop_rate
        )
        self.norm2 = build_norm(norm_cfg, channels)[1]
        self.ffn = nn.Module()
        self.ffn.layers = nn.Sequential(
            nn.Sequential(
                nn.Linear(channels, hidden), build_activation(act_cfg), nn.Dropout(drop_rate)
            ),
            nn.Linear(hidden, channels),
            nn.Dropout(drop_rate),
        )
        self.drop_path = drop_path(path_rate)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        return x + self.drop_path(self.ffn.layers(self.norm2(x)))


class PatchMerging(nn.Module):
    """Each square of 2 x 2 tokens becomes one of twice the channels (section 3.1)."""

    def __init__(self, channels: int, norm_cfg: dict | None) -> None:
        super().__init__()
        self.norm = nn.Identity() if norm_cfg is None else build_norm(norm_cfg, 4 * channels)[1]
        self.reduction = nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> (N, H / 2, W / 2, 2C); odd sides are rounded up."""
        x = padded_to(x.permute(0, 3, 1, 2), 2)
        # (N, C, 2h, 2w) -> (N, C, h, 2, w, 2) -> (N, h, w, C, 2, 2) -> (N, h, w, 4C)
        x = x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 2, 4, 1, 3, 5).flatten(3)
        return self.reduction(self.norm(x))
