"""Dynamic R-CNN (Zhang et al. 2020): assignment and box loss grow stricter with the proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from mmlite.config.keys import defaults_of
from mmlite.config.schema import DYNAMIC_RCNN
from mmlite.errors import ConfigError
from mmlite.models.box_losses import SmoothL1Loss
from mmlite.models.roi_heads.rois import RoISample, largest_overlaps
from mmlite.models.roi_heads.standard_roi_head import StandardRoIHead
from mmlite.registry import HEADS
from mmlite.support.signatures import with_arguments_of


@HEADS.register_module()
class DynamicRoIHead(StandardRoIHead):
    """A StandardRoIHead whose IoU threshold and `beta` follow what the training sees.

    The threshold is the mean of the `iou_topk`-th largest IoU of an image (section 3.2), `beta`
    the median of the `beta_topk`-th smallest error of a batch (section 3.3), over
    `update_iter_interval` steps. As in mmdet they are no part of the weights; a run that is
    resumed has them from the state of its processes, see `RESUMED_BUFFERS`.

    Args (others as of StandardRoIHead):
        train_cfg: with `dynamic_rcnn`: these three, `initial_iou`, the lowest threshold, and
            `initial_beta`, the largest beta.

    Raises:
        ConfigError: there is no `dynamic_rcnn`, or the box loss has no beta.
    """

    RESUMED_BUFFERS: ClassVar[tuple[str, ...]] = ('adapted', 'history', 'step')

    @with_arguments_of(StandardRoIHead)
    def __init__(self, *args: Any, train_cfg: dict | None = None, **others: Any) -> None:
        super().__init__(*args, train_cfg=train_cfg, **others)
        if not isinstance(self.bbox_head.loss_bbox, SmoothL1Loss):
            kind = type(self.bbox_head.loss_bbox).__name__
            raise ConfigError(f'DynamicRoIHead: loss_bbox has to be a SmoothL1Loss, found {kind}')
        if train_cfg is None:
            return
        if 'dynamic_rcnn' not in train_cfg:
            raise ConfigError("model.train_cfg.rcnn: DynamicRoIHead needs the key 'dynamic_rcnn'")
        self.cfg = {**defaults_of(DYNAMIC_RCNN), **train_cfg['dynamic_rcnn']}
        beta = self.bbox_head.loss_bbox.beta
        interval = self.cfg['update_iter_interval']
        # threshold and beta; the two figures of each step since the last change; steps since then
        adapted = torch.tensor([self.sampler.assigner.pos_iou_thr, beta], dtype=torch.float64)
        self.register_buffer('adapted', adapted, persistent=False)
        self.register_buffer('history', torch.zeros(interval, 2), persistent=False)
        self.register_buffer('step', torch.zeros(1, dtype=torch.long), persistent=False)

    def sample(
        self, feats: Sequence[Tensor], proposals: Sequence[Tensor], *truth: Any
    ) -> RoISample:
        """As of StandardRoIHead, with what was learnt of the steps before. A GPU is waited for."""
        if self.sampler is not None:
            self._apply_adapted()
        sample = super().sample(feats, proposals, *truth)
        with torch.no_grad():
            error = self._error(sample, len(proposals))
            self.history[self.step] = torch.stack([self._iou(proposals, truth[0]), error])
            self.step += 1
            if int(self.step) == len(self.history):
                self._adapt()
        return sample

    def _apply_adapted(self) -> None:
        threshold, beta = self.adapted.tolist()
        assigner = self.sampler.assigner
        assigner.pos_iou_thr = assigner.min_pos_iou = threshold
        assigner.neg_iou_range = (0.0, threshold)
        self.bbox_head.loss_bbox.beta = beta

    def _iou(self, proposals: Sequence[Tensor], gt_bboxes: Sequence[Tensor]) -> Tensor:
        """The k-th largest IoU of the boxes of an image, the mean over images: a scalar."""
        found = []
        for bboxes, truth in zip(proposals, gt_bboxes, strict=True):
            if self.sampler.sampler.add_gt_as_proposals:
                bboxes = torch.cat([truth, bboxes])
            overlaps = largest_overlaps(bboxes, truth)
            if not len(overlaps):  # neither a proposal nor an object
                overlaps = truth.new_zeros(1)
            found.append(overlaps.topk(min(self.cfg['iou_topk'], len(overlaps))).values[-1])
        return torch.stack(found).mean()

    def _error(self, sample: RoISample, num_images: int) -> Tensor:
        """The k-th smallest distance of centers that is to be learnt: a scalar, NaN for none."""
        pos = sample.labels > 0
        wanted = self.bbox_head.bbox_coder.encode(sample.rois[:, 1:], sample.matched)
        distance = wanted[:, :2].abs().mean(dim=1)  # (K, 4) -> (K,)
        distance = distance.where(~sample.is_truth, 0)  # which the coder rounds
        distance = distance.where(pos, torch.inf).sort().values
        last = (pos.sum() - 1).clamp(0, self.cfg['beta_topk'] * num_images - 1)
        return distance[last].where(pos.any(), torch.nan)

    def _adapt(self) -> None:
        ious, errors = self.history.double().unbind(dim=1)
        threshold = ious.mean().clamp(min=self.cfg['initial_iou'])
        found = errors[~errors.isnan()]
        # of an even number the mean of the two in the middle
        median = found.quantile(0.5) if len(found) else found.new_zeros(())
        learnt = median.clamp(max=self.cfg['initial_beta'])
        beta = learnt.where(median >= 1e-15, self.adapted[1])
        self.adapted.copy_(torch.stack([threshold, beta]))
        self.step.zero_()
