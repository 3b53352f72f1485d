"""Layers of TOOD's head (Feng et al. 2021, section 3.1)."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import deform_conv2d

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import flatten_levels
from mmlite.models.layers import Conv2d, ConvModule, Scale
from mmlite.ops.coders import DeltaXYWHBBoxCoder


class SharedLayers(nn.ModuleList):
    """The convolutions that both tasks share; the output of each is part of the result.

    Args:
        in_channels: of the features.
        channels: of each layer.
        num_layers: L.
        norm_cfg: normalisation in them; None for none.
        num_dcn: how many, from the first on, are deformable.
    """

    def __init__(
        self, in_channels: int, channels: int, num_layers: int, norm_cfg: dict | None, num_dcn: int
    ) -> None:
        layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=dict(type='ReLU'))
        deformable = dict(type='DCNv2', deform_groups=4)
        super().__init__(
            ConvModule(*pair, 3, **layers, conv_cfg=deformable if i < num_dcn else None)
            for i, pair in enumerate(pairwise([in_channels, *[channels] * num_layers]))
        )

    def forward(self, feat: Tensor) -> Tensor:
        """(N, C_in, H, W) -> (N, L * C, H, W)."""
        layers = []
        for conv in self:
            feat = conv(feat)
            layers.append(feat)
        return torch.cat(layers, dim=1)  # L of (N, C, H, W) -> (N, L * C, H, W)


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


def moved(boxes: Tensor, offset: Tensor) -> Tensor:
    """As `sampled_beside`, but a box stays as it is where its sides would change places."""
    found = sampled_beside(boxes, offset)
    invalid = (found[:, :2] > found[:, 2:]).any(dim=1, keepdim=True)  # (N, 1, H, W)
    return boxes.where(invalid, found)


def joint_probability(logits: Tensor, others: Tensor) -> Tensor:
    """The geometric mean of two probabilities, from their logits (N, ?, H, W), in float32."""
    both = F.logsigmoid(logits.float()) + F.logsigmoid(others.float())
    return (both / 2).exp()


def coder_of(anchor_type: str, coder: DeltaXYWHBBoxCoder) -> DeltaXYWHBBoxCoder | None:
    """Returns the coder for 'anchor_based', None for 'anchor_free'.

    Raises:
        ConfigError: another type.
    """
    if anchor_type not in ('anchor_free', 'anchor_based'):
        raise ConfigError(
            f"TOODHead: anchor_type is 'anchor_free' or 'anchor_based', found {anchor_type!r}"
        )
    return coder if anchor_type == 'anchor_based' else None


def boxes_in_strides(
    scale: Scale, sides: Tensor, anchors: Tensor, stride: int, coder: DeltaXYWHBBoxCoder | None
) -> Tensor:
    """What the box layer predicts, as boxes xyxy in strides (N, 4, H, W).

    Args:
        scale: of the level.
        sides: (N, 4, H, W), from the box layer.
        anchors: (H * W, 4), xyxy, input pixels.
        stride: pixels of a cell.
        coder: where the layer predicts deltas of the anchors; None for distances from the points.
    """
    height, width = sides.shape[-2:]
    if coder is not None:
        deltas = flatten_levels([scale(sides).float()], 4).flatten(0, 1)  # -> (N * H * W, 4)
        bboxes = coder.decode(anchors.repeat(len(sides), 1), deltas) / stride
        # (N * H * W, 4) -> (N, H, W, 4) -> (N, 4, H, W)
        return bboxes.view(-1, height, width, 4).permute(0, 3, 1, 2)
    sides = scale(sides.float().exp())  # pixels are too fine for half precision
    points = (anchors[:, :2] + anchors[:, 2:]) / 2 / stride
    points = points.T.reshape(1, 2, height, width)  # (H * W, 2) -> (1, 2, H, W)
    return torch.cat([points - sides[:, :2], points + sides[:, 2:]], dim=1)


def two_convs(in_channels: int, middle: int, out_channels: int) -> nn.Sequential:
    """1x1, ReLU, 3x3."""
    last = Conv2d(middle, out_channels, 3, padding=1)
    return nn.Sequential(Conv2d(in_channels, middle, 1), nn.ReLU(inplace=True), last)


def with_exponents(train_cfg: dict) -> dict:
    """Puts alpha and beta into the assigner's config; mmdet keeps them beside it."""
    exponents = {key: train_cfg[key] for key in ('alpha', 'beta') if key in train_cfg}
    if not exponents or 'assigner' not in train_cfg:
        return train_cfg
    return dict(train_cfg, assigner=dict(train_cfg['assigner'], **exponents))
