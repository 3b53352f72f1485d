"""RoIs (regions of interest) and the feature maps they lie in -> features of one size for each RoI.

K RoIs of all images, each (i, x1, y1, x2, y2): the number of its image, and a box in input pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import RoIAlign, RoIPool

from mmlite.config.keys import check_dict
from mmlite.config.schema import ROI_LAYER
from mmlite.registry import TASK_UTILS


@TASK_UTILS.register_module()
class SingleRoIExtractor(nn.Module):
    """Pools each RoI from the one level that fits its size (FPN, Lin et al. 2017, equation 1).

    Args:
        roi_layer: dict(type='RoIAlign', output_size=7, sampling_ratio=0), or 'RoIPool'.
        out_channels: channels of each level.
        featmap_strides: pixels per cell of the levels that are read, the finest first.
        finest_scale: RoIs below twice this size, in pixels, are of the finest level.
    """

    def __init__(
        self,
        roi_layer: dict,
        out_channels: int,
        featmap_strides: Sequence[int],
        finest_scale: int = 56,
    ) -> None:
        super().__init__()
        check_dict(roi_layer, ROI_LAYER, 'bbox_roi_extractor.roi_layer')
        self.roi_layers = nn.ModuleList(_roi_layer(roi_layer, stride) for stride in featmap_strides)
        self.out_channels = out_channels
        self.finest_scale = finest_scale

    def forward(self, feats: Sequence[Tensor], rois: Tensor, scale: float = 1.0) -> Tensor:
        """Maps (N, C, h_l, w_l), more than are read, and RoIs (K, 5) -> (K, C, s, s).

        With a `scale` what is pooled is the RoI enlarged by it, from the RoI's own level. A GPU is
        waited for once a level, to count its RoIs.
        """
        feats = feats[: len(self.roi_layers)]
        size = _pair(self.roi_layers[0].output_size)
        pooled = feats[0].new_zeros(len(rois), self.out_channels, *size)
        if rois.is_meta:  # without numbers there is nothing to pool
            return pooled
        levels = self.levels_of(rois[:, 1:])
        rois = rois if scale == 1 else _enlarged(rois, scale)
        if len(feats) == 1:
            return self.roi_layers[0](feats[0], rois)
        if torch.compiler.is_compiling():  # a graph, such as an ONNX file, has fixed shapes
            return self._all_from_each_level(feats, rois, levels)
        for level, (layer, feat) in enumerate(zip(self.roi_layers, feats, strict=True)):
            mine = torch.nonzero(levels == level)[:, 0]  # (K,) -> (k,)
            pooled = pooled.index_copy(0, mine, layer(feat, rois[mine]).to(pooled.dtype))
        return pooled

    def _all_from_each_level(self, feats: Sequence[Tensor], rois: Tensor, levels: Tensor) -> Tensor:
        """As `forward`: RoIs of other levels are boxes of no size, which are pooled fast."""
        pooled = []
        for level, (layer, feat) in enumerate(zip(self.roi_layers, feats, strict=True)):
            mine = (levels == level)[:, None]  # (K, 1)
            own = torch.cat([rois[:, :1], rois[:, 1:].where(mine, 0)], dim=1)
            pooled.append(layer(feat, own).where(mine[..., None, None], 0))
        return torch.stack(pooled).sum(dim=0)

    def levels_of(self, bboxes: Tensor) -> Tensor:
        """Boxes (K, 4) -> the level (K,) of each: one coarser for each doubling of its size."""
        scale = (bboxes[:, 2:] - bboxes[:, :2]).prod(dim=1).sqrt()  # (K, 2) -> (K,)
        levels = torch.log2(scale / self.finest_scale + 1e-6).floor()
        return levels.clamp(0, len(self.roi_layers) - 1).long()


def _enlarged(rois: Tensor, scale: float) -> Tensor:
    """RoIs (K, 5) -> (K, 5), each `scale` times as wide and high around its centre."""
    centers, halves = (rois[:, 1:3] + rois[:, 3:]) / 2, (rois[:, 3:] - rois[:, 1:3]) * scale / 2
    return torch.cat([rois[:, :1], centers - halves, centers + halves], dim=1)


def _roi_layer(cfg: Mapping, stride: int) -> nn.Module:
    size, scale = cfg.get('output_size', 7), 1 / stride
    if cfg['type'] == 'RoIPool':
        return RoIPool(size, scale)
    return RoIAlign(size, scale, cfg.get('sampling_ratio', 0), aligned=cfg.get('aligned', True))


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
