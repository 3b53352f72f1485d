"""A head of your own: one convolution with batch norm on each level before the predictions."""

from __future__ import annotations

from torch import nn

from mmlite.models.heads.dense_head import DenseHead, flatten_levels
from mmlite.models.layers import ConvModule
from mmlite.registry import HEADS


@HEADS.register_module()
class TowerHead(DenseHead):
    """SSD's priors and losses come from the config; the layers are written here.

    `forward` is all that a head has to write: priors, targets, losses and NMS are DenseHead's.
    """

    def __init__(
        self, num_classes, in_channels, anchor_generator, bbox_coder, width=64,
        train_cfg=None, test_cfg=None,
    ):  # fmt: skip
        loss_cls = dict(type='HardNegativeCrossEntropyLoss', neg_pos_ratio=3)
        loss_bbox = dict(type='SmoothL1Loss', beta=1.0)
        init_cfg = dict(type='Xavier', layer='Conv2d', distribution='uniform')
        super().__init__(
            num_classes, anchor_generator, bbox_coder, loss_cls, loss_bbox,
            train_cfg, test_cfg, init_cfg,
        )  # fmt: skip
        self.num_outputs = self.loss_cls.num_outputs(num_classes)
        tower = dict(padding=1, norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'))
        self.towers = nn.ModuleList(ConvModule(c, width, 3, **tower) for c in in_channels)
        counts = self.prior_generator.num_priors_per_location
        self.cls_convs = nn.ModuleList(nn.Conv2d(width, n * self.num_outputs, 1) for n in counts)
        self.reg_convs = nn.ModuleList(nn.Conv2d(width, n * 4, 1) for n in counts)

    def forward(self, feats):
        feats = [tower(feat) for tower, feat in zip(self.towers, feats, strict=True)]
        cls_maps = [conv(feat) for conv, feat in zip(self.cls_convs, feats, strict=True)]
        reg_maps = [conv(feat) for conv, feat in zip(self.reg_convs, feats, strict=True)]
        return dict(
            cls_score=flatten_levels(cls_maps, self.num_outputs),
            bbox_pred=flatten_levels(reg_maps, 4),
        )
