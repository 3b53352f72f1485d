"""Double-Head R-CNN (Wu et al. 2019): linear layers for the classes, convolutions for the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.backbones.residual_blocks import Bottleneck
from mmlite.models.layers import ConvModule
from mmlite.models.roi_heads.bbox_head import BBoxHead
from mmlite.models.roi_heads.standard_roi_head import StandardRoIHead
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of

# what the layers of this head have in the place of those of BBoxHead
_OTHER_LAYERS = (
    'num_shared_convs', 'num_shared_fcs', 'num_cls_convs', 'num_cls_fcs', 'num_reg_convs',
    'num_reg_fcs',
)  # fmt: skip
_NORM = dict(type='BN')


@HEADS.register_module()
class DoubleHeadRoIHead(StandardRoIHead):
    """Boxes are predicted from a RoI that is larger than that of the classes (section 5.1).

    Args (others as of StandardRoIHead):
        reg_roi_scale_factor: how much wider and higher it is.
    """

    @with_arguments_of(StandardRoIHead)
    def __init__(self, reg_roi_scale_factor: float, **others: Any) -> None:
        super().__init__(**others)
        self.reg_roi_scale_factor = reg_roi_scale_factor

    def forward(self, feats: Sequence[Tensor], rois: Tensor) -> dict[str, Tensor]:
        """RoIs (K, 5) -> `cls_score` (K, C + 1), background first, and `bbox_pred` (K, B, 4)."""
        for_classes = self.bbox_roi_extractor(feats, rois)
        for_boxes = self.bbox_roi_extractor(feats, rois, self.reg_roi_scale_factor)
        return self.bbox_head(self.shared_head(for_classes), self.shared_head(for_boxes))


@HEADS.register_module()
class DoubleConvFCBBoxHead(BBoxHead):
    """Linear layers and a class; residual blocks of convolutions and a box (figure 4).

    Args (others as of BBoxHead):
        num_convs: bottlenecks in front of the box, behind one block that widens.
        num_fcs: linear layers in front of the class.
        conv_out_channels, fc_out_channels: their channels.
        norm_cfg: normalisation of the bottlenecks; the block that widens has a batch norm.
        with_avg_pool: True.

    Raises:
        ConfigError: no layers, or no average over the cells.
    """

    INIT_CFG: ClassVar[list[dict]] = [
        dict(type='Normal', std=0.01, override=dict(name='fc_cls')),
        dict(type='Normal', std=0.001, override=dict(name='fc_reg')),
        dict(type='Xavier', distribution='uniform', override=dict(name='fc_branch')),
    ]

    @with_arguments_of(BBoxHead, without=_OTHER_LAYERS)
    def __init__(
        self, num_classes: int = 80, in_channels: int = 256, *, num_convs: int, num_fcs: int,
        roi_feat_size: int = 7, conv_out_channels: int = 1024, fc_out_channels: int = 1024,
        norm_cfg: dict | None = _NORM, with_avg_pool: bool = True, **others: Any,
    ) -> None:  # fmt: skip
        sizes = dict(roi_feat_size=roi_feat_size, with_avg_pool=with_avg_pool)
        super().__init__(num_classes, in_channels, **sizes, **others)
        if num_convs < 1 or num_fcs < 1 or not with_avg_pool:
            raise ConfigError(
                'DoubleConvFCBBoxHead: num_convs and num_fcs from 1 up and with_avg_pool=True are '
                f'expected, found {num_convs}, {num_fcs} and {with_avg_pool}'
            )
        width = conv_out_channels
        self.res_block = _Widening(in_channels, width)
        inner = width // Bottleneck.expansion
        self.conv_branch = nn.ModuleList(
            Bottleneck(width, inner, inner, 1, 1, 1, 'pytorch', None, norm_cfg, None)
            for _ in range(num_convs)
        )
        widths = [in_channels * roi_feat_size**2, *[fc_out_channels] * (num_fcs - 1)]
        self.fc_branch = nn.ModuleList(nn.Linear(each, fc_out_channels) for each in widths)
        self.fc_cls = nn.Linear(fc_out_channels, self.fc_cls.out_features)
        self.fc_reg = nn.Linear(width, self.fc_reg.out_features)

    def forward(self, for_classes: Tensor, for_boxes: Tensor) -> dict[str, Tensor]:
        """Two features of each RoI (K, channels, s, s) -> as of BBoxHead."""
        x = for_classes.flatten(1)
        for layer in self.fc_branch:
            x = layer(x).relu()
        for_boxes = self.res_block(for_boxes)
        for block in self.conv_branch:
            for_boxes = block(for_boxes)
        return self.predictions(self.fc_cls(x), self.fc_reg(self.flat(for_boxes)))


class _Widening(nn.Module):
    """A 3x3 and a 1x1 convolution, and a 1x1 convolution as the shortcut (figure 5 a)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        act = dict(type='ReLU')
        self.conv1 = ConvModule(in_channels, in_channels, 3, padding=1, norm_cfg=_NORM, act_cfg=act)
        self.conv2 = ConvModule(in_channels, out_channels, 1, norm_cfg=_NORM)
        self.conv_identity = ConvModule(in_channels, out_channels, 1, norm_cfg=_NORM)

    def forward(self, x: Tensor) -> Tensor:
        return (self.conv2(self.conv1(x)) + self.conv_identity(x)).relu()
