"""NAS-FPN (Ghiasi et al. 2019, figure 6): a pyramid whose connections were searched for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.layers import ConvModule
from mmlite.models.necks.fpn import check_num_maps
from mmlite.registry import NECKS

_NUM_LEVELS = 5  # P3 to P7: the connections are those of the paper


@NECKS.register_module()
class NASFPN(BaseModule):
    """1x1 convolutions to five levels, then the searched pyramid as often as `stack_times` says.

    State-dict keys are mmdet's.

    Args:
        in_channels: channels of the backbone's maps.
        out_channels: channels of every level.
        num_outs: 5, the number of levels; those beyond the backbone's are pooled from the last.
        stack_times: how many pyramids follow each other.
        start_level, end_level: first and last of the backbone's maps used; -1 is the last there is.
        norm_cfg: normalisation after all convolutions; None for none.
        init_cfg: an initialiser of mmengine; None draws as Caffe2's Xavier.

    Raises:
        ConfigError: another number of levels than 5, or maps that the backbone does not have.
    """

    INIT_CFG: ClassVar[dict] = dict(type='Caffe2Xavier', layer='Conv2d')

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int,
        stack_times: int,
        start_level: int = 0,
        end_level: int = -1,
        norm_cfg: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(init_cfg)
        last = len(in_channels) - 1 if end_level == -1 else end_level
        self.num_inputs, self.used = len(in_channels), slice(start_level, last + 1)
        used_channels = in_channels[self.used]
        within = 0 <= start_level <= last < min(len(in_channels), start_level + _NUM_LEVELS)
        if num_outs != _NUM_LEVELS or not within:
            raise ConfigError(
                f'NASFPN: num_outs={_NUM_LEVELS} is expected, and start_level and end_level within '
                f'the {len(in_channels)} maps of the backbone, at most {_NUM_LEVELS} of them; '
                f'found num_outs={num_outs}, start_level={start_level}, end_level={end_level}'
            )
        self.lateral_convs = nn.ModuleList(
            ConvModule(channels, out_channels, 1, norm_cfg=norm_cfg) for channels in used_channels
        )
        self.extra_downsamples = nn.ModuleList(
            nn.Sequential(
                ConvModule(out_channels, out_channels, 1, norm_cfg=norm_cfg), nn.MaxPool2d(2)
            )
            for _ in range(num_outs - len(used_channels))
        )
        self.fpn_stages = nn.ModuleList(
            SearchedPyramid(out_channels, norm_cfg) for _ in range(stack_times)
        )

    def forward(self, feats: Sequence[Tensor]) -> list[Tensor]:
        """Maps (N, C_i, H_i, W_i) of the backbone -> five maps (N, out_channels, h, w).

        Raises:
            ConfigError: the backbone gives another number of maps than `in_channels` has.
        """
        check_num_maps(self, feats, self.num_inputs)
        used = feats[self.used]
        levels = [conv(feat) for conv, feat in zip(self.lateral_convs, used, strict=True)]
        for downsample in self.extra_downsamples:
            levels.append(downsample(levels[-1]))
        for stage in self.fpn_stages:
            levels = stage(levels)
        return levels


class SearchedPyramid(nn.Module):
    """Seven cells, each of which merges two maps; the names are those of mmdet's files."""

    def __init__(self, channels: int, norm_cfg: dict | None) -> None:
        super().__init__()
        for name in ('gp_64_4', 'sum_44_4', 'sum_43_3', 'sum_34_4', 'sum_55_5', 'sum_77_7'):
            self.add_module(name, CellOutput(channels, norm_cfg))
        self.gp_75_6 = CellOutput(channels, norm_cfg)

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        """P3 to P7, each (N, C, h, w) -> the same."""
        p3, p4, p5, p6, p7 = levels
        p4_mixed = self.gp_64_4(attended(p6, p4, like=p4))
        p4_mixed = self.sum_44_4(p4_mixed + p4)
        p3 = self.sum_43_3(resized(p4_mixed, p3) + p3)
        p4 = self.sum_34_4(resized(p3, p4) + p4_mixed)
        p5 = self.sum_55_5(p5 + attended(p4, p3, like=p5))
        p7 = self.sum_77_7(p7 + attended(p5, p4_mixed, like=p7))
        p6 = self.gp_75_6(attended(p7, p5, like=p6))
        return [p3, p4, p5, p6, p7]


class CellOutput(nn.Module):
    """ReLU, a 3x3 convolution with a bias, normalisation: what follows the merging of two maps."""

    def __init__(self, channels: int, norm_cfg: dict | None) -> None:
        super().__init__()
        self.out_conv = ConvModule(channels, channels, 3, padding=1, bias=True, norm_cfg=norm_cfg)

    def forward(self, x: Tensor) -> Tensor:
        return self.out_conv(x.relu())


def attended(deep: Tensor, shallow: Tensor, like: Tensor) -> Tensor:
    """The second map, and of the first as much as the second's mean says (figure 5).

    Args:
        deep, shallow: (N, C, h, w), of any two sizes.
        like: the map whose size (H, W) both get.

    Returns:
        (N, C, H, W).
    """
    deep, shallow = resized(deep, like), resized(shallow, like)
    return shallow + F.adaptive_avg_pool2d(shallow, 1).sigmoid() * deep  # (N, C, 1, 1)


def resized(x: Tensor, like: Tensor) -> Tensor:
    """A map (N, C, h, w) at the size (H, W) of `like`: nearest cells, or the maximum of several."""
    (height, width), (wanted_height, wanted_width) = x.shape[-2:], like.shape[-2:]
    if (height, width) == (wanted_height, wanted_width):
        return x
    if (height, width) < (wanted_height, wanted_width):
        return F.interpolate(x, like.shape[-2:])
    kernel = -(-height // wanted_height), -(-width // wanted_width)
    missing_rows = kernel[0] * wanted_height - height
    missing_columns = kernel[1] * wanted_width - width
    left, top = missing_columns // 2, missing_rows // 2
    x = F.pad(x, (left, missing_columns - left, top, missing_rows - top))
    return F.max_pool2d(x, kernel)
