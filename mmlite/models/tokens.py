"""What vision transformers share. Tokens lie as (N, H, W, C)."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

from mmlite.errors import ConfigError
from mmlite.models.layers import Conv2d
from mmlite.models.norms import build_norm


class PatchEmbed(nn.Module):
    """A convolution that makes tokens of patches, and a norm. State-dict keys are mmdet's.

    Args:
        in_channels, out_channels, kernel_size, stride: of the convolution.
        padding: of it; None pads at the right and bottom, so that no pixel is left out.
        norm_cfg: normalisation of the tokens; None for none.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        padding: int | None,
        norm_cfg: dict | None,
    ) -> None:
        super().__init__()
        self.fills_up = padding is None
        self.projection = Conv2d(in_channels, out_channels, kernel_size, stride, padding or 0)
        self.norm = nn.Identity() if norm_cfg is None else build_norm(norm_cfg, out_channels)[1]

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, h, w, out_channels)."""
        if self.fills_up:
            x = padded_to(x, self.projection.stride[0])
        return self.norm(self.projection(x).permute(0, 2, 3, 1))


def padded_to(x: Tensor, divisor: int) -> Tensor:
    """Returns maps (N, C, H, W) with zeros at the right and bottom: sides divide by `divisor`."""
    below, beside = (-side % divisor for side in x.shape[-2:])
    return F.pad(x, (0, beside, 0, below)) if below or beside else x


def drop_path(rate: float) -> nn.Module:
    """Leaves the branch of an image out, at random, in training (Huang et al. 2016)."""
    return StochasticDepth(rate, 'row') if rate > 0 else nn.Identity()


def drop_path_rates(rate: float, depths: Sequence[int]) -> list[list[float]]:
    """Returns a rate for each block of each stage; they grow by a line from 0 to `rate`."""
    last = max(sum(depths) - 1, 1)
    rates = [rate * i / last for i in range(sum(depths))]
    return [[rates.pop(0) for _ in range(depth)] for depth in depths]


def check_stages(name: str, num_stages: int, out_indices: Sequence[int], **per_stage) -> None:
    """Raises ConfigError where the arguments of a transformer do not fit its stages.

    Args:
        name: of the backbone.
        num_stages: their number.
        out_indices: as the backbone has it.
        per_stage: other arguments, by name, that have one value for each stage.
    """
    if not set(out_indices) <= set(range(num_stages)):
        raise ConfigError(
            f'{name}: out_indices lie in 0..{num_stages - 1}, found {tuple(out_indices)}'
        )
    for key, values in per_stage.items():
        if len(values) != num_stages:
            raise ConfigError(
                f'{name}: {key} has one value for each of {num_stages} stages, found '
                f'{tuple(values)}'
            )
