"""YOLOv3's head (Redmon and Farhadi 2018, section 2): anchors of a cell, with an objectness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from mmengine.model import bias_init_with_prob
from torch import Tensor, nn

from mmlite.errors import ConfigError
from mmlite.models.heads.dense_head import DenseHead, flatten_levels
from mmlite.models.heads.fitting import check_loss
from mmlite.models.layers import LEAKY, Conv2d, ConvModule
from mmlite.models.losses import one_hot, summed
from mmlite.ops.priors import stride_of_each
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class YOLOV3Head(DenseHead):
    """Cross entropy on classes, objectness and centre, squares on the logarithms of the sides.

    Losses are sums over the batch: the learning rate has to fit the batch size. The assigner is
    the paper's, `GridAssigner`. The deepest level comes first.

    Args (others as of DenseHead):
        in_channels, out_channels: channels of each level, before and after its 3x3 convolution.
        anchor_generator: config of the anchors; those of the paper if left out.
        featmap_strides: pixels per cell of each level, as of the anchors.
        one_hot_smoother: s: a class has to reach 1 - s + s / C, all others s / C.
        norm_cfg, act_cfg: normalisation and activation of the 3x3 convolutions; None for none.
        loss_cls, loss_conf, loss_xy: configs of the losses of classes, objectness and centre.
        loss_wh: config of the loss of the sides. All four have `reduction='sum'`.
        test_cfg: as of DenseHead, but nms_pre candidates are kept over all levels together, of the
            anchors with an objectness of at least `conf_thr`.
    """

    LOSS_NEEDS: ClassVar[dict[str, dict]] = dict(loss_cls=dict(takes_scores=True))
    DEFAULTS: ClassVar[dict[str, dict]] = dict(
        bbox_coder=dict(type='YOLOBBoxCoder'), prior_generator=dict(type='YOLOAnchorGenerator')
    )
    INIT_CFG: ClassVar[dict] = dict(type='Normal', layer='Conv2d', std=0.01)

    @with_arguments_of(DenseHead, without=('prior_generator', 'loss_bbox', 'init_cfg'))
    def __init__(
        self, num_classes: int, in_channels: Sequence[int], *,
        out_channels: Sequence[int] = (1024, 512, 256), anchor_generator: dict | None = None,
        featmap_strides: Sequence[int] = (32, 16, 8), one_hot_smoother: float = 0.0,
        norm_cfg: dict | None = dict(type='BN'), act_cfg: dict | None = LEAKY,  # noqa: B006
        loss_cls: dict | None = None, loss_conf: dict | None = None, loss_xy: dict | None = None,
        loss_wh: dict | None = None, **others: Any,
    ) -> None:  # fmt: skip
        others['loss_cls'] = self._summed('loss_cls', loss_cls)
        others['loss_bbox'] = self._summed('loss_wh', loss_wh)
        super().__init__(num_classes, prior_generator=anchor_generator, **others)
        self.loss_wh = self.loss_bbox
        check_loss(self, 'loss_wh', dict(on_decoded=False))
        for part, cfg in dict(loss_conf=loss_conf, loss_xy=loss_xy).items():
            self.add_module(part, LOSSES.build(self._summed(part, cfg)))
            check_loss(self, part, dict(takes_scores=True))
        strides = [width for width, _ in self.prior_generator.strides]
        counts = len(in_channels), len(out_channels)
        if counts != (len(strides), len(strides)) or list(featmap_strides) != strides:
            raise ConfigError(
                f'model.bbox_head: the anchors have the strides {strides}; as many in_channels and '
                f'out_channels, and the same featmap_strides, are expected; found {in_channels}, '
                f'{out_channels} and {featmap_strides}'
            )
        self.one_hot_smoother = one_hot_smoother
        self.num_attrib = 5 + num_classes  # of an anchor: box, objectness, classes
        layers = dict(padding=1, norm_cfg=norm_cfg, act_cfg=act_cfg)
        self.convs_bridge, self.convs_pred = nn.ModuleList(), nn.ModuleList()
        for level, count in enumerate(self.prior_generator.num_priors_per_location):
            width = out_channels[level]
            self.convs_bridge.append(ConvModule(in_channels[level], width, 3, **layers))
            self.convs_pred.append(Conv2d(width, count * self.num_attrib, 1))

    def _summed(self, part: str, cfg: dict | None) -> dict:
        # left out it is 'mean' in mmdet, over all anchors of a level
        return summed(part, {'reduction': 'mean', **self._given(part, cfg)})

    def init_weights(self) -> None:
        """Eight objects in a map of a 608 x 608 picture, and a score of 0.01 of each class."""
        super().init_weights()
        for conv, (stride, _) in zip(self.convs_pred, self.prior_generator.strides, strict=True):
            bias = conv.bias.data.view(-1, self.num_attrib)  # (A * K,) -> (A, K)
            bias[:, 4] = bias_init_with_prob(8 / (608 / stride) ** 2)
            bias[:, 5:] = bias_init_with_prob(0.01)

    def forward(self, feats: Sequence[Tensor]) -> dict[str, Tensor]:
        """Returns `cls_score` (N, R, C), `bbox_pred` (N, R, 4) and `objectness` logits (N, R).

        Also `centre` (N, R, 2), logits of where in its cell it is, and `stride` (1, R, 1), pixels.
        """
        each = zip(self.convs_bridge, self.convs_pred, feats, strict=True)
        maps = [conv(bridge(feat)) for bridge, conv, feat in each]
        outs = flatten_levels(maps, self.num_attrib)  # (N, R, 5 + C)
        centre, sides, objectness, cls_score = outs.split([2, 2, 1, self.num_classes], dim=-1)
        stride = stride_of_each(self.prior_generator, maps)  # float32
        shift = (centre.sigmoid() - 0.5) * stride
        return dict(
            cls_score=cls_score,
            bbox_pred=torch.cat([shift, sides.float()], dim=-1),
            objectness=objectness[..., 0],
            centre=centre,
            stride=stride,
        )

    def priors_inside(self, feats: Sequence[Tensor], img_meta: dict) -> None:
        """Returns None, all: cells in the padding are background, as in mmdet's YOLOv3."""

    def loss_terms(
        self, outs: dict[str, Tensor], priors: Tensor, labels: Tensor, matched: Tensor
    ) -> dict[str, Tensor]:
        """Objectness at every anchor that is not ignored; the others where there is an object.

        Args:
            outs: of `forward`.
            priors: (R, 4), the anchors.
            labels: (N, R): -1 ignore, 0 background, 1..C.
            matched: (N, R, 4), the box that each anchor has to find, input pixels.
        """
        pos = labels > 0
        found, wanted = self.bbox_pairs(outs, priors, pos, matched)  # each (N * R, 4)
        shift = wanted[:, :2].view_as(outs['centre'])  # (N * R, 2) -> (N, R, 2)
        eps, smooth = self.bbox_coder.eps, self.one_hot_smoother
        centre = (shift / outs['stride'] + 0.5).clamp(eps, 1 - eps)
        classes = one_hot(labels, self.num_classes) * (1 - smooth) + smooth / self.num_classes
        classes, centre = (t.where(pos[..., None], -1) for t in (classes, centre))  # -1: ignored
        return dict(
            loss_cls=self.loss_cls(outs['cls_score'], classes, 1),
            loss_conf=self.loss_conf(outs['objectness'], labels.clamp(max=1).float(), 1),
            loss_xy=self.loss_xy(outs['centre'], centre, 1),
            loss_wh=self.loss_wh(found[:, 2:], wanted[:, 2:], 1, pos.flatten()),
        )

    def scores_and_factor(self, outs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Returns the scores (N, R, C) of candidates, 0 for all others, and the objectness."""
        scores, objectness = self.loss_cls.scores(outs['cls_score']), outs['objectness'].sigmoid()
        conf_thr, count = self.test_cfg['conf_thr'], self.test_cfg['nms_pre']
        if conf_thr > 0:
            scores = scores.where(objectness[..., None] >= conf_thr, 0)
        if 0 < count < scores[0].numel():
            least = scores.flatten(1).topk(count).values[:, -1]  # (N, R, C) -> (N, R * C) -> (N,)
            scores = scores.where(scores >= least[:, None, None], 0)
        return scores, objectness
