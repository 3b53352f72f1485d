"""Pyramid Vision Transformer (Wang et al. 2021) and PVTv2 (Wang et al. 2021, arXiv 2106.13797)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.models.activations import build_activation
from mmlite.models.backbones.base import Backbone
from mmlite.models.backbones.pvt_weights import pvt_from_original
from mmlite.models.layers import Conv2d
from mmlite.models.norms import build_norm
from mmlite.models.tokens import PatchEmbed, check_stages, drop_path, drop_path_rates
from mmlite.registry import BACKBONES

_GELU = dict(type='GELU')
_LN = dict(type='LN', eps=1e-6)


@BACKBONES.register_module()
class PyramidVisionTransformer(Backbone):
    """PVT; the feature maps of the stages asked for. State-dict keys are mmdet's.

    Args:
        pretrain_img_size: side, or (h, w), of the images of the weights: it says how many
            absolute positions there are. They are stretched to other sizes.
        embed_dims: channels of one head.
        num_stages: number of stages.
        num_layers, num_heads: blocks and heads of each stage.
        patch_sizes, strides, paddings: of the convolution before each stage.
        sr_ratios: keys and values of each stage have this fraction of the map's sides.
        out_indices: stages returned, 0..3; their maps have strides 4, 8, 16, 32.
        mlp_ratios: width of a block's second part inside, to outside.
        qkv_bias: queries, keys and values have a bias.
        drop_rate, attn_drop_rate: dropout of tokens and of attention.
        drop_path_rate: stochastic depth of the last block; the first has 0.
        use_abs_pos_embed: learnt absolute positions.
        norm_after_stage: a norm behind each stage.
        use_conv_ffn: a 3x3 convolution within each channel in the second part of a block.
        act_cfg, norm_cfg: activation and normalisation.
        convert_weights: changes nothing here: the authors' files are recognised by their names.
        init_cfg: `dict(type='Pretrained', checkpoint=...)`, a file of the authors or of mmdet, or
            an initialiser of mmengine; None draws as the authors' code does.

    Raises:
        ConfigError: arguments that do not fit the stages.
    """

    def __init__(
        self,
        pretrain_img_size: int | Sequence[int] = 224,
        embed_dims: int = 64,
        num_stages: int = 4,
        num_layers: Sequence[int] = (3, 4, 6, 3),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        patch_sizes: Sequence[int] = (4, 2, 2, 2),
        strides: Sequence[int] = (4, 2, 2, 2),
        paddings: Sequence[int] = (0, 0, 0, 0),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        mlp_ratios: Sequence[int] = (8, 8, 4, 4),
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.1,
        use_abs_pos_embed: bool = True,
        norm_after_stage: bool = False,
        use_conv_ffn: bool = False,
        act_cfg: dict = _GELU,
        norm_cfg: dict = _LN,
        convert_weights: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_stages(
            type(self).__name__, num_stages, out_indices, num_layers=num_layers,
            num_heads=num_heads, patch_sizes=patch_sizes, strides=strides, paddings=paddings,
            sr_ratios=sr_ratios, mlp_ratios=mlp_ratios,
        )  # fmt: skip
        self.out_indices = tuple(out_indices)
        sides = pretrain_img_size
        sides = [sides, sides] if isinstance(sides, int) else list(sides)
        rates = drop_path_rates(drop_path_rate, num_layers)
        self.layers = nn.ModuleList()
        in_channels = 3
        for stage in range(num_stages):
            channels, patch = embed_dims * num_heads[stage], patch_sizes[stage]
            embed = PatchEmbed(
                in_channels, channels, patch, strides[stage], paddings[stage], norm_cfg
            )
            sides = [side // patch for side in sides]
            positions = [Positions(*sides, channels, drop_rate)] if use_abs_pos_embed else []
            blocks = [
                PVTBlock(
                    channels, num_heads[stage], mlp_ratios[stage] * channels, sr_ratios[stage],
                    qkv_bias, drop_rate, attn_drop_rate, rate, use_conv_ffn, act_cfg, norm_cfg,
                )
                for rate in rates[stage]
            ]  # fmt: skip
            norm = build_norm(norm_cfg, channels)[1] if norm_after_stage else nn.Identity()
            parts = [embed, nn.ModuleList([*positions, *blocks]), norm]
            self.layers.append(nn.ModuleList(parts))
            in_channels = channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (N, 3, H, W) -> the maps (N, C_i, h_i, w_i) asked for, high to low resolution."""
        feats = []
        for stage, (embed, blocks, norm) in enumerate(self.layers):
            tokens = embed(x)
            for block in blocks:
                tokens = block(tokens)
            x = norm(tokens).permute(0, 3, 1, 2)  # (N, h, w, C) -> (N, C, h, w)
            if stage in self.out_indices:
                feats.append(x)
        return feats

    def init_weights(self) -> None:
        super().init_weights()
        if self.init_cfg:
            return
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Conv2d):
                fan_out = module.out_channels * math.prod(module.kernel_size) // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
                nn.init.zeros_(module.bias)

    def convert_pretrained(self, state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Renames the tensors of the authors' file; those of mmdet's pass as they are."""
        return pvt_from_original(state_dict)


@BACKBONES.register_module()
class PyramidVisionTransformerV2(PyramidVisionTransformer):
    """PVTv2: patches overlap, and convolutions take the place of absolute positions (section 3).

    Args:
        embed_dims, num_stages, num_layers, num_heads, strides, sr_ratios, out_indices, mlp_ratios,
            qkv_bias, drop_rate, attn_drop_rate, drop_path_rate, act_cfg, norm_cfg,
            convert_weights, init_cfg: as in `PyramidVisionTransformer`.
    """

    def __init__(
        self,
        embed_dims: int = 64,
        num_stages: int = 4,
        num_layers: Sequence[int] = (3, 4, 6, 3),
        num_heads: Sequence[int] = (1, 2, 5, 8),
        strides: Sequence[int] = (4, 2, 2, 2),
        sr_ratios: Sequence[int] = (8, 4, 2, 1),
        out_indices: Sequence[int] = (0, 1, 2, 3),
        mlp_ratios: Sequence[int] = (8, 8, 4, 4),
        qkv_bias: bool = True,
        drop_rate: float = 0.0,
        attn_drop_rate: float = 0.0,
        drop_path_rate: float = 0.1,
        act_cfg: dict = _GELU,
        norm_cfg: dict = _LN,
        convert_weights: bool = True,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(
            embed_dims=embed_dims, num_stages=num_stages, num_layers=num_layers,
            num_heads=num_heads, patch_sizes=(7, 3, 3, 3), strides=strides, paddings=(3, 1, 1, 1),
            sr_ratios=sr_ratios, out_indices=out_indices, mlp_ratios=mlp_ratios,
            qkv_bias=qkv_bias, drop_rate=drop_rate, attn_drop_rate=attn_drop_rate,
            drop_path_rate=drop_path_rate, use_abs_pos_embed=False, norm_after_stage=True,
            use_conv_ffn=True, act_cfg=act_cfg, norm_cfg=norm_cfg, init_cfg=init_cfg,
        )  # fmt: skip


class Positions(nn.Module):
    """Adds a learnt vector for each place, stretched to the size of the map (section 3.2)."""

    def __init__(self, height: int, width: int, channels: int, drop_rate: float) -> None:
        super().__init__()
        self.size = (height, width)
        self.pos_embed = nn.Parameter(torch.empty(1, height * width, channels))
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, H, W, C) -> the same shape."""
        # (1, h * w, C) -> (1, C, h, w) -> (1, C, H, W) -> (1, H, W, C)
        grid = self.pos_embed.transpose(1, 2).unflatten(2, self.size)
        return self.drop(x + F.interpolate(grid, x.shape[1:3], mode='bilinear').permute(0, 2, 3, 1))


class PVTBlock(nn.Module):
    """Attention to a smaller map, then two layers, each with a norm and a shortcut (figure 3).

    Args:
        channels, heads: of the tokens (N, H, W, C).
        hidden: channels between the two layers.
        ratio: keys and values have this fraction of the map's sides.
        qkv_bias, drop_rate, attn_drop_rate, use_conv_ffn, act_cfg, norm_cfg: as the backbone.
        path_rate: rate of stochastic depth.
    """

    def __init__(
        self, channels: int, heads: int, hidden: int, ratio: int, qkv_bias: bool,
        drop_rate: float, attn_drop_rate: float, path_rate: float, use_conv_ffn: bool,
        act_cfg: dict, norm_cfg: dict,
    ) -> None:  # fmt: skip
        super().__init__()
        self.norm1 = build_norm(norm_cfg, channels)[1]
        self.attn = ReducedAttention(
            channels, heads, ratio, qkv_bias, attn_drop_rate, drop_rate, norm_cfg
        )
        self.norm2 = build_norm(norm_cfg, channels)[1]
        self.ffn = nn.Module()
        near = [Conv2d(hidden, hidden, 3, padding=1, groups=hidden)] if use_conv_ffn else []
        self.ffn.layers = nn.Sequential(
            Conv2d(channels, hidden, 1),
            *near,
            build_activation(act_cfg),
            nn.Dropout(drop_rate),
            Conv2d(hidden, channels, 1),
            nn.Dropout(drop_rate),
        )
        self.drop_path = drop_path(path_rate)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x)))
        out = self.ffn.layers(self.norm2(x).permute(0, 3, 1, 2))
        return x + self.drop_path(out.permute(0, 2, 3, 1))


class ReducedAttention(nn.Module):
    """Every token looks at the map made smaller by a convolution (section 3.3)."""

    def __init__(
        self, channels: int, heads: int, ratio: int, qkv_bias: bool, attn_drop_rate: float,
        drop_rate: float, norm_cfg: dict,
    ) -> None:  # fmt: skip
        super().__init__()
        self.attn = nn.MultiheadAttention(
            channels, heads, attn_drop_rate, bias=qkv_bias, batch_first=True
        )
        self.ratio = ratio
        if ratio > 1:
            self.sr = Conv2d(channels, channels, ratio, ratio)
            self.norm = build_norm(norm_cfg, channels)[1]
        self.proj_drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, H, W, C) -> the same shape."""
        smaller = x
        if self.ratio > 1:
            smaller = self.norm(self.sr(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        query, key = x.flatten(1, 2), smaller.flatten(1, 2)  # (N, tokens, C)
        out = self.attn(query, key, key, need_weights=False)[0]
        return self.proj_drop(out).view(x.shape)
