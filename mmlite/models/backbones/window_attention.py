"""Attention within windows (Swin Transformer, Liu et al. 2021, section 3.2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_NEVER = -100.0  # added to the score of a pair of tokens that must not see each other


class WindowAttention(nn.Module):
    """Each token of a window looks at all of them, with a learnt bias for each distance.

    State-dict keys are mmdet's.

    Args:
        channels, heads: of the tokens.
        window_size: side of a window, in tokens.
        qkv_bias: queries, keys and values have a bias.
        qk_scale: factor on queries; None for 1 / sqrt(channels of a head).
        attn_drop_rate, drop_rate: dropout of the attention and of what comes out.
    """

    def __init__(
        self, channels: int, heads: int, window_size: int, qkv_bias: bool,
        qk_scale: float | None, attn_drop_rate: float, drop_rate: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heads = heads
        self.scale = qk_scale or (channels // heads) ** -0.5
        distances = (2 * window_size - 1) ** 2
        self.relative_position_bias_table = nn.Parameter(torch.empty(distances, heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.register_buffer('relative_position_index', _distances(window_size))
        self.qkv = nn.Linear(channels, 3 * channels, bias=qkv_bias)
        self.attn_drop = nn.Dropout(attn_drop_rate)
        self.proj = nn.Linear(channels, channels)
        self.proj_drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Tokens (N * windows, T, C) -> the same shape.

        Args:
            x: the tokens, T in each window.
            mask: (windows, 1, T, T), added to the scores of all heads; None for nothing.
        """
        # (B, T, 3C) -> (3, B, heads, T, C / heads)
        qkv = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        # (T, T, heads) -> (heads, T, T)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        scores = (query * self.scale) @ key.transpose(-2, -1) + bias
        if mask is not None:
            scores = (scores.unflatten(0, (-1, len(mask))) + mask).flatten(0, 1)
        attention = self.attn_drop(scores.softmax(dim=-1))
        # (B, heads, T, C / heads) -> (B, T, C)
        return self.proj_drop(self.proj((attention @ value).transpose(1, 2).flatten(2)))


def _distances(size: int) -> Tensor:
    """(T, T) of the T = size * size tokens of a window: the number of the distance of each pair."""
    row = torch.arange(size).repeat_interleave(size)
    column = torch.arange(size).repeat(size)
    rows, columns = (t[:, None] - t[None, :] + size - 1 for t in (row, column))
    return rows * (2 * size - 1) + columns


class ShiftedWindows(nn.Module):
    """Cuts a map of tokens into windows, shifted by half a window or not, for WindowAttention.

    Args:
        channels, heads, window_size, qkv_bias, qk_scale, attn_drop_rate, drop_rate: as there.
        shifts: the map is rolled by half a window before it is cut, and back afterwards.
    """

    def __init__(
        self, channels: int, heads: int, window_size: int, shifts: bool, qkv_bias: bool,
        qk_scale: float | None, attn_drop_rate: float, drop_rate: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size = window_size
        self.shift = window_size // 2 if shifts else 0
        self.w_msa = WindowAttention(
            channels, heads, window_size, qkv_bias, qk_scale, attn_drop_rate, drop_rate
        )

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (N, H, W, C) -> the same shape; zeros fill up the last windows."""
        height, width = x.shape[1:3]
        below, beside = -height % self.size, -width % self.size
        x = F.pad(x, (0, 0, 0, beside, 0, below))
        mask = None
        if self.shift:
            x = x.roll((-self.shift, -self.shift), dims=(1, 2))
            mask = self._mask(height + below, width + beside, x)
        windows = self.w_msa(self._cut(x), mask)
        # (N * rows * columns, size * size, C) -> (N, rows * size, columns * size, C)
        rows, columns = (side // self.size for side in x.shape[1:3])
        windows = windows.view(-1, rows, columns, self.size, self.size, x.shape[3])
        x = windows.transpose(2, 3).reshape(x.shape)
        if self.shift:
            x = x.roll((self.shift, self.shift), dims=(1, 2))
        return x[:, :height, :width]

    def _cut(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> (N * windows, size * size, C)."""
        # (N, rows, size, columns, size, C) -> (N, rows, columns, size, size, C)
        cells = x.unflatten(2, (-1, self.size)).unflatten(1, (-1, self.size)).transpose(2, 3)
        return cells.reshape(-1, self.size**2, x.shape[3])

    def _mask(self, height: int, width: int, like: Tensor) -> Tensor:
        """(windows, 1, T, T): tokens that the roll brought together do not see each other."""
        regions = [
            (torch.arange(side, device=like.device) >= side - self.size).int()
            + (torch.arange(side, device=like.device) >= side - self.shift).int()
            for side in (height, width)
        ]
        region = 3 * regions[0][:, None] + regions[1][None, :]
        cells = self._cut(region[None, :, :, None])[..., 0]
        apart = cells[:, None, :] != cells[:, :, None]
        return torch.where(apart, _NEVER, 0.0).to(like.dtype)[:, None]
