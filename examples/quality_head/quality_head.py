"""A head of your own: RetinaNet's, with a branch that predicts how well each box fits.

After IoU-aware RetinaNet (Wu, Li, Wang 2020): a class score says nothing of where the box is, so
the overlap with the object is predicted too, and the product of the two ranks the detections.
"""

from torch import Tensor, nn

from mmlite.models.heads.dense_head import flatten_levels, reduce_mean
from mmlite.models.heads.retina_head import RetinaHead
from mmlite.ops.boxes import aligned_iou
from mmlite.registry import HEADS, LOSSES
from mmlite.support.signatures import with_arguments_of

Outs = dict[str, Tensor]


@HEADS.register_module()
class QualityHead(RetinaHead):
    """A branch is an output in `forward`, a loss in `loss_terms` and a factor in `score_factor`."""

    @with_arguments_of(RetinaHead)
    def __init__(self, num_classes, in_channels, *, loss_quality=None, **others):
        super().__init__(num_classes, in_channels, **others)
        anchors = self.prior_generator.num_priors_per_location[0]
        self.retina_quality = nn.Conv2d(self.retina_reg.in_channels, anchors, 3, padding=1)
        self.loss_quality = LOSSES.build(
            loss_quality or dict(type='CrossEntropyLoss', use_sigmoid=True)
        )

    def forward(self, feats: list[Tensor]) -> Outs:
        """Returns `cls_score` (N, R, K), `bbox_pred` (N, R, 4) and `quality` logits (N, R)."""
        reg_feats = [self.reg_convs(feat) for feat in feats]
        return dict(
            cls_score=self.flatten_scores([self.retina_cls(self.cls_convs(f)) for f in feats]),
            bbox_pred=flatten_levels([self.retina_reg(f) for f in reg_feats], 4),
            quality=flatten_levels([self.retina_quality(f) for f in reg_feats], 1)[..., 0],
        )

    def loss_terms(self, outs: Outs, priors: Tensor, labels: Tensor, matched: Tensor) -> Outs:
        """RetinaNet's losses and the branch's; priors (R, 4) and matched (N, R, 4) are boxes."""
        pos = labels > 0
        deltas = outs['bbox_pred'].detach().flatten(0, 1)
        bboxes = self.bbox_coder.decode(priors.repeat(len(labels), 1), deltas)
        iou = aligned_iou(bboxes, matched.flatten(0, 1)).view_as(outs['quality'])
        target = iou.where(pos, -1)  # ignored where there is no object
        num_pos = reduce_mean(pos.sum().float()).clamp(min=1)
        losses = super().loss_terms(outs, priors, labels, matched)
        return dict(losses, loss_quality=self.loss_quality(outs['quality'], target, num_pos))

    def score_factor(self, outs: Outs) -> Tensor:
        """The overlap that is expected (N, R), in [0, 1]."""
        return outs['quality'].sigmoid()
