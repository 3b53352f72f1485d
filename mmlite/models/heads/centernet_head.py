"""CenterNet's head (Zhou et al. 2019): an object is a peak in a heat map, with a size there.

N images, C classes, maps of H x W cells, g boxes of an image, p objects of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from mmengine.model import bias_init_with_prob, normal_init
from torch import Tensor, nn

from mmlite.config.schema import HEAT_MAP_TEST_CFG
from mmlite.errors import ConfigError
from mmlite.models.base_module import BaseModule
from mmlite.models.heads.dense_head import at_least_float32, reduce_mean
from mmlite.models.heads.fitting import check_loss, flat_test_cfg
from mmlite.models.layers import Conv2d
from mmlite.ops.boxes import to_original
from mmlite.ops.heat_map import center_targets, decode_peaks, local_maxima
from mmlite.ops.nms import multiclass_nms
from mmlite.registry import HEADS, LOSSES

_MIN_OVERLAP = 0.3  # of a box whose corner is at the end of a peak


@HEADS.register_module()
class CenterNetHead(BaseModule):
    """A heat map of each class, and at each cell the size of a box and where its centre is.

    It has no priors and no assigner: it is a head of its own, as SingleStageDetector takes one.
    Ignored boxes change nothing, as in mmdet.

    Args:
        num_classes: C, object classes without background.
        in_channels: channels of the only map that it reads.
        feat_channels: channels inside each branch.
        loss_center_heatmap: config of the loss of the heat map.
        loss_wh, loss_offset: configs of the losses of the sizes and offsets, both in cells.
        train_cfg: None, as there is nothing to assign.
        test_cfg: `topk`, `local_maximum_kernel` (odd), `max_per_img`; with `with_nms=True` also
            `nms`, see DenseHead, else there is none.
        init_cfg: an initialiser of mmengine.
    """

    has_in_channels_of_each_map: ClassVar[bool] = True
    LOSSES: ClassVar[dict[str, dict]] = dict(
        loss_center_heatmap=dict(type='GaussianFocalLoss'),
        loss_wh=dict(type='L1Loss', loss_weight=0.1),
        loss_offset=dict(type='L1Loss'),
    )

    def __init__(
        self, num_classes: int, in_channels: int, feat_channels: int, *,
        loss_center_heatmap: dict | None = None, loss_wh: dict | None = None,
        loss_offset: dict | None = None, train_cfg: dict | None = None,
        test_cfg: dict | None = None, init_cfg: dict | list | None = None,
    ) -> None:  # fmt: skip
        super().__init__(init_cfg)
        if train_cfg:
            expected = 'None is expected, CenterNetHead assigns nothing'
            raise ConfigError(f'model.train_cfg: {expected}; found {", ".join(train_cfg)}')
        self.num_classes = num_classes
        self.test_cfg = flat_test_cfg(test_cfg or {}, HEAT_MAP_TEST_CFG)
        self.heatmap_head = _branch(in_channels, feat_channels, num_classes)
        self.wh_head = _branch(in_channels, feat_channels, 2)
        self.offset_head = _branch(in_channels, feat_channels, 2)
        given = (loss_center_heatmap, loss_wh, loss_offset)
        for (part, usual), cfg in zip(self.LOSSES.items(), given, strict=True):
            self.add_module(part, LOSSES.build(cfg or usual))
        check_loss(self, 'loss_center_heatmap', dict(activated=True, with_peaks=True))
        for part in ('loss_wh', 'loss_offset'):
            check_loss(self, part, dict(on_decoded=False))

    def init_weights(self) -> None:
        """Each class starts with a score of 0.1 everywhere, sizes and offsets with about 0."""
        super().init_weights()
        nn.init.constant_(self.heatmap_head[-1].bias, bias_init_with_prob(0.1))
        for layer in (*self.wh_head, *self.offset_head):
            if isinstance(layer, Conv2d):
                normal_init(layer, std=0.001)

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the scores (N, C, H, W), sizes (N, 2, H, W) and offsets (N, 2, H, W) in cells.

        Raises:
            ConfigError: there is more than one map.
        """
        if len(feats) != 1:
            expected = 'CenterNetHead reads one map, as CTResNetNeck gives it'
            raise ConfigError(f'model.bbox_head: {expected}, found {len(feats)}')
        branches = (self.heatmap_head, self.wh_head, self.offset_head)
        heat, sizes, offsets = (at_least_float32(branch(feats[0])) for branch in branches)
        return heat.sigmoid(), sizes, offsets

    # ---- training -------------------------------------------------------------------------

    def loss(
        self, feats: Sequence[Tensor], img_metas: list[dict], gt_bboxes: list[Tensor],
        gt_labels: list[Tensor], gt_bboxes_ignore: list[Tensor] | None = None,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Returns the losses of the heat map, the sizes and the offsets; arguments of DenseHead."""
        heat, sizes, offsets = self(feats)
        with torch.autocast(heat.device.type, enabled=False):
            shape = img_metas[0]['batch_input_shape']
            target = center_targets(heat, shape, gt_bboxes, gt_labels, _MIN_OVERLAP)
            count = reduce_mean((target.heat_map == 1).sum().float()).clamp(min=1)
            # (N, 2, H, W) -> (p, 2); each object has two numbers
            found = [values.permute(0, 2, 3, 1)[target.where] for values in (sizes, offsets)]
            return dict(
                loss_center_heatmap=self.loss_center_heatmap(heat, target.heat_map, count),
                loss_wh=self.loss_wh(found[0], target.sides, 2 * count),
                loss_offset=self.loss_offset(found[1], target.offsets, 2 * count),
            )

    # ---- testing --------------------------------------------------------------------------

    def predict(
        self, feats: Sequence[Tensor], img_metas: list[dict], rescale: bool = False
    ) -> list[dict[str, Tensor]]:
        """Returns per image dict(bboxes (n, 4), scores (n,), labels (n,) 1..C), best first.

        Args:
            feats: one feature map.
            img_metas: per image, with `batch_input_shape` and, to rescale, see `to_original`.
            rescale: boxes in pixels of the original image; else of the network's input.
        """
        heat, sizes, offsets = self(feats)
        cfg, shape = self.test_cfg, img_metas[0]['batch_input_shape']
        heat = local_maxima(heat, cfg['local_maximum_kernel'])
        found = []
        for bboxes, scores, labels, meta in zip(
            *decode_peaks(heat, sizes, offsets, shape, cfg['topk']), img_metas, strict=True
        ):
            bboxes = to_original(bboxes, meta) if rescale else bboxes
            peaks = scores.nonzero()[:, 0]  # (n,); 0 is no maximum
            bboxes, scores, labels = bboxes[peaks], scores[peaks], labels[peaks]
            limit = cfg['max_per_img'] if cfg['max_per_img'] > 0 else len(scores)
            if cfg['with_nms']:
                keep, scores = multiclass_nms(bboxes, scores, labels, cfg['nms'], limit)
                bboxes, labels = bboxes[keep], labels[keep]
            found.append(dict(bboxes=bboxes[:limit], scores=scores[:limit], labels=labels[:limit]))
        return found


def _branch(in_channels: int, channels: int, out_channels: int) -> nn.Sequential:
    layers = Conv2d(in_channels, channels, 3, padding=1), nn.ReLU(inplace=True)
    return nn.Sequential(*layers, Conv2d(channels, out_channels, 1))
