"""RetinaNet's head (Lin et al. 2017): two towers of convolutions, the same on every level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, flatten_levels, rare_objects_init
from mmlite.models.layers import Conv2d, conv_tower
from mmlite.registry import HEADS
from mmlite.support.signatures import still_by_position, with_arguments_of


@HEADS.register_module()
class RetinaHead(DenseHead):
    """Sigmoid focal loss on every anchor, L1 on the boxes.

    Args (others as of DenseHead):
        in_channels: channels of each level.
        stacked_convs, feat_channels: number and channels of the convolutions in each tower.
        norm_cfg: normalisation in the towers; None for none.
        anchor_generator: config of the anchors; the paper's if left out.

    Raises:
        ConfigError: levels have different numbers of anchors, and the towers are shared.
    """

    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        prior_generator=dict(
            type='AnchorGenerator',
            octave_base_scale=4,
            scales_per_octave=3,
            ratios=[0.5, 1.0, 2.0],
            strides=[8, 16, 32, 64, 128],
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='FocalLoss'),
        loss_bbox=dict(type='L1Loss'),
    )
    INIT_CFG: ClassVar[dict] = rare_objects_init('retina_cls')

    @still_by_position
    @with_arguments_of(DenseHead, without=('prior_generator',))
    def __init__(
        self, num_classes: int, in_channels: int, *, stacked_convs: int = 4,
        feat_channels: int = 256, norm_cfg: dict | None = None,
        anchor_generator: dict | None = None, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__(num_classes, prior_generator=anchor_generator, **others)
        count = anchors_per_location(self)
        self.cls_convs = conv_tower(in_channels, feat_channels, stacked_convs, norm_cfg)
        self.reg_convs = conv_tower(in_channels, feat_channels, stacked_convs, norm_cfg)
        channels = feat_channels if stacked_convs else in_channels
        self.retina_cls = Conv2d(channels, count * self.num_outputs, 3, padding=1)
        self.retina_reg = Conv2d(channels, count * 4, 3, padding=1)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, K) and `bbox_pred` (N, R, 4)."""
        cls_maps = [self.retina_cls(self.cls_convs(feat)) for feat in feats]
        reg_maps = [self.retina_reg(self.reg_convs(feat)) for feat in feats]
        # per level (N, A * K, H, W) -> (N, R, K), and (N, A * 4, H, W) -> (N, R, 4)
        return dict(cls_score=self.flatten_scores(cls_maps), bbox_pred=flatten_levels(reg_maps, 4))


def anchors_per_location(head: DenseHead) -> int:
    """Returns A, the number of priors at each location of every level.

    Raises:
        ConfigError: levels have different numbers.
    """
    counts = head.prior_generator.num_priors_per_location
    if len(set(counts)) > 1:
        raise ConfigError(
            f'{type(head).__name__}: one convolution serves all levels, so they need equal numbers '
            f'of anchors; found {counts}'
        )
    return counts[0]
