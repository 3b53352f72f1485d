"""Layers of TOOD's head (Feng et al. 2021, section 3.1)."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from mmlite.models.layers import Conv2d, ConvModule


class TaskDecomposition(nn.Module):
    """What a task takes: layers weighed by what the whole image shows, then mixed by a 1x1.

    Args:
        channels: of each layer, and of the result.
        num_layers: how many layers are stacked.
        norm_cfg: normalisation after the 1x1; None for none.
        fewer: the weights are computed with this part of the channels in the middle.
    """

    def __init__(
        self, channels: int, num_layers: int, norm_cfg: dict | None, fewer: int = 8
    ) -> None:
        super().__init__()
        stacked = channels * num_layers
        middle = stacked // (num_layers * fewer)
        self.layer_attention = nn.Sequential(
            Conv2d(stacked, middle, 1),
            nn.ReLU(inplace=True),
            Conv2d(middle, num_layers, 1),
            nn.Sigmoid(),
        )
        act_cfg = dict(type='ReLU')
        self.reduction_conv = ConvModule(stacked, channels, 1, norm_cfg=norm_cfg, act_cfg=act_cfg)

    def forward(self, stacked: Tensor, pooled: Tensor) -> Tensor:
        """Returns the features of the task.

        Args:
            stacked: (N, L * C, H, W), L layers of C channels.
            pooled: (N, L * C, 1, 1), their means.

        Returns:
            (N, C, H, W).
        """
        weight = self.layer_attention(pooled)  # (N, L, 1, 1)
        # each layer has one weight for all its channels: (N, L, 1, 1) -> (N, L * C, 1, 1)
        channels = stacked.shape[1] // weight.shape[1]
        weight = weight.repeat_interleave(channels, dim=1)
        return self.reduction_conv(stacked * weight)


def sampled_beside(boxes: Tensor, offset: Tensor) -> Tensor:
    """Each side of a box from a place of its own (equation 8).

    Args:
        boxes: (N, 4, H, W).
        offset: (N, 8, H, W), y and x in cells for each side.

    Returns:
        (N, 4, H, W), bilinear.
    """
    return deform_conv2d(boxes.contiguous(), offset.contiguous(), boxes.new_ones(4, 1, 1, 1))


def two_convs(in_channels: int, middle: int, out_channels: int) -> nn.Sequential:
    """1x1, ReLU, 3x3."""
    last = Conv2d(middle, out_channels, 3, padding=1)
    return nn.Sequential(Conv2d(in_channels, middle, 1), nn.ReLU(inplace=True), last)
