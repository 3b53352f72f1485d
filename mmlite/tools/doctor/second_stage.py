"""Checks of a second stage: does it get proposals, and from more than one level?"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from mmlite.parallel import scatter
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.finding import Finding, error, ok, percent, warning

_MANY = 20  # objects that say something about levels
_ALL = 0.98  # share of them from which they are as good as all


def rois(context: Context) -> list[Finding]:
    """Proposals of the first weights, and the levels that the objects are pooled from."""
    if not hasattr(context.checked_detector, 'roi_head'):
        return [ok('the detector has one stage: there are no proposals')]
    counts, bboxes = _proposals(context)
    without = counts.count(0)
    if without:
        return [
            error(
                f'no proposal in {percent(without, len(counts))} images: the second stage has '
                'only the ground truth to learn from, and detects nothing',
                'model.train_cfg.rpn_proposal and model.test_cfg.rpn: max_per_img, nms_pre, '
                'min_bbox_size',
            )
        ]
    evidence = f'{min(counts)} to {max(counts)} proposals in each of {len(counts)} images'
    return [_levels(context, bboxes, evidence)]


def _proposals(context: Context) -> tuple[list[int], Tensor]:
    """Returns the number of proposals of each image, and the objects of all (g, 4)."""
    detector = copy.deepcopy(context.weighted).train()
    batch = scatter(context.train_batch(), torch.device('cpu'))
    with torch.no_grad():
        metas = batch['img_metas']
        img = detector.data_preprocessor(batch['img'], metas)
        predicted = detector.rpn_head.forward_with_priors(detector.extract_feat(img))
        found = detector.rpn_head.propose(*predicted, metas, detector.proposal_cfg)
    return [len(one['scores']) for one in found], torch.cat(list(batch['gt_bboxes']))


def _levels(context: Context, bboxes: Tensor, evidence: str) -> Finding:
    extractor = context.checked_detector.roi_head.stages[0].extractor
    if not hasattr(extractor, 'levels_of') or len(bboxes) < _MANY:
        return ok(evidence)
    num_levels = len(extractor.roi_layers)
    shares = extractor.levels_of(bboxes).bincount(minlength=num_levels) / len(bboxes)
    said = ', '.join(f'{level}: {share:.0%}' for level, share in enumerate(shares.tolist()))
    evidence += f'; {len(bboxes)} objects are pooled from the levels {said}'
    if num_levels == 1 or shares.max() < _ALL:
        return ok(evidence)
    size = (bboxes[:, 2:] - bboxes[:, :2]).prod(dim=1).sqrt().median().item()
    return warning(
        f'{evidence}: as good as all from one, half of them under {size:.0f} px',
        f'model.roi_head.bbox_roi_extractor.finest_scale={max(1, round(size / 2))}: '
        'objects below twice this size are of the finest level',
    )
