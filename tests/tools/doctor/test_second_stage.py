"""doctor on detectors of two stages: a clean one, and mistakes that only these can have."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from mmlite.config import load_config
from mmlite.tools.doctor.context import Context
from mmlite.tools.doctor.examine import CHECKS, examine
from tests.runs import CHECKOUT, TINY


def two_stages(name: str = 'faster_rcnn', **changes: object) -> Config:
    """The tiny SSD's data with the tiny detector of two stages."""
    cfg = load_config(TINY)
    overrides = {f'model.{key.replace("__", ".")}': value for key, value in changes.items()}
    cfg.model = load_config(CHECKOUT / f'tests/tiny_{name}.py', overrides).model
    return cfg


@pytest.mark.parametrize('name', ['faster_rcnn', 'cascade_rcnn'])
def test_a_clean_one_is_clean(name: str) -> None:
    quick = [check for check in CHECKS if check not in ('overfit', 'priors')]
    found = list(examine(Context(two_stages(name), seconds=600), only=quick))
    assert [str(one) for one in found if one.verdict != 'ok'] == []
    [rois] = [one.evidence for one in found if one.check == 'rois']
    assert 'proposals in each of 8 images' in rois


def test_a_detector_of_one_stage_has_no_proposals() -> None:
    [found] = examine(Context(load_config(TINY)), only=['rois'])
    assert str(found).startswith('ok       rois           the detector has one stage')


@pytest.mark.parametrize(
    ('check', 'changes', 'verdict', 'words'),
    [
        (
            'rois',
            dict(train_cfg__rpn_proposal__min_bbox_size=500),
            'error',
            'no proposal in 8 of 8',
        ),
        (
            'rois',
            dict(roi_head__bbox_roi_extractor__finest_scale=200),
            'warning',
            'as good as all from one',
        ),
        ('parts', dict(roi_head__bbox_head__num_classes=4), 'error', 'roi_head.bbox_head'),
        ('parts', dict(roi_head__bbox_head__in_channels=8), 'error', 'in_channels: 16 is expected'),
        ('coder', dict(test_cfg__rcnn__score_thr=0.5), 'warning', 'test_cfg.rcnn.score_thr=0.05'),
    ],
)
def test_a_mistake_is_found(check: str, changes: dict, verdict: str, words: str) -> None:
    found = list(examine(Context(two_stages(**changes)), only=[check]))
    assert any(one.verdict == verdict and words in str(one) for one in found), list(map(str, found))
