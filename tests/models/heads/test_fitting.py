"""Assigners, losses and NMS that a head cannot have are refused when it is built."""

from __future__ import annotations

import pytest

from mmlite.config.schema import PROPOSALS
from mmlite.errors import ConfigError
from mmlite.models.heads.fitting import flat_test_cfg, nms_rule
from mmlite.registry import HEADS

ANCHORS = dict(
    type='AnchorGenerator', octave_base_scale=8, scales_per_octave=1, ratios=[1.0], strides=[8, 16]
)
POINTS = dict(type='MlvlPointGenerator', strides=[8, 16], offset=0)
SMALL = dict(num_classes=2, in_channels=8, feat_channels=8)
MAX_IOU = dict(type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)
ATSS = dict(type='ATSSAssigner', topk=9)
UNIFORM = dict(type='UniformAssigner', pos_ignore_thr=0.15, neg_ignore_thr=0.7)
CENTER = dict(type='CenterRegionAssigner', pos_scale=0.2, neg_scale=0.2)
APPROX = dict(type='ApproxMaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.4)
SOFTMAX = dict(type='CrossEntropyLoss', use_sigmoid=False)
L1, GIOU = dict(type='L1Loss'), dict(type='GIoULoss')


def head(name: str, assigner: dict | None = None, **changes):
    cfg = {**SMALL, 'anchor_generator': ANCHORS, **changes, 'type': name}
    if name in ('YOLOFHead', 'VFNetHead', 'YOLOXHead', 'AutoAssignHead', 'SABLRetinaHead'):
        cfg.pop('feat_channels' if name == 'YOLOFHead' else 'anchor_generator')
    if name in ('GFLHead', 'ATSSHead', 'PAAHead', 'DDODHead', 'TOODHead', 'RTMDetHead'):
        cfg['norm_cfg'] = None
    if assigner is not None:
        cfg['train_cfg'] = dict(assigner=assigner)
    return HEADS.build(cfg, at='model.bbox_head')


@pytest.mark.parametrize(
    ('name', 'assigner', 'problem', 'fitting'),
    [
        (
            'RetinaHead',
            dict(type='TaskAlignedAssigner'),
            'does not take the score that each prior has to reach',
            'MaxIoUAssigner',
        ),
        ('RetinaHead', dict(type='SimOTAAssigner'), 'does not take the score', 'ATSSAssigner'),
        ('PAAHead', dict(type='DynamicSoftLabelAssigner'), 'does not take', 'MaxIoUAssigner'),
        ('RTMDetHead', MAX_IOU, 'needs the score', 'DynamicSoftLabelAssigner'),
        ('YOLOXHead', ATSS, 'needs the score', 'SimOTAAssigner'),
        ('YOLOFHead', MAX_IOU, 'needs pairs of priors and boxes', 'UniformAssigner'),
        ('FSAFHead', MAX_IOU, 'needs pairs of priors and boxes', 'CenterRegionAssigner'),
        ('RetinaHead', APPROX, 'has no boxes around each prior', 'MaxIoUAssigner'),
    ],
)
def test_an_assigner_that_does_not_fit(name, assigner, problem, fitting) -> None:
    with pytest.raises(ConfigError) as refused:
        head(name, assigner)
    words = f'model.train_cfg.assigner: {assigner["type"]} does not fit {name}, which {problem}'
    assert words in str(refused.value)
    assert fitting in str(refused.value).split('Assigners that fit: ')[1]


@pytest.mark.parametrize(
    ('name', 'assigner'),
    [
        ('RetinaHead', MAX_IOU), ('RetinaHead', UNIFORM), ('GFLHead', ATSS), ('TOODHead', ATSS),
        ('TOODHead', dict(type='TaskAlignedAssigner')), ('FSAFHead', CENTER),
        ('RTMDetHead', dict(type='TaskAlignedAssigner')), ('YOLOFHead', UNIFORM),
        ('YOLOXHead', dict(type='DynamicSoftLabelAssigner')), ('SABLRetinaHead', APPROX),
        ('SABLRetinaHead', ATSS),
    ],
)  # fmt: skip
def test_one_that_fits(name, assigner) -> None:
    assert head(name, assigner).assigner is not None


def test_a_plugins_assigner_does_not_have_to_say_what_it_gives() -> None:
    from mmlite.models.heads.fitting import check_assigner

    check_assigner(head('RTMDetHead'), object())


@pytest.mark.parametrize(
    ('name', 'losses', 'problem'),
    [
        ('GFLHead', dict(loss_cls=SOFTMAX), 'takes the score each class has to reach'),
        ('RTMDetHead', dict(loss_cls=dict(type='GHMC')), 'takes the score'),
        ('YOLOXHead', dict(loss_cls=SOFTMAX), 'takes the score'),
        ('GFLHead', dict(loss_bbox=L1), 'compares boxes'),
        ('VFNetHead', dict(loss_bbox=L1), 'compares boxes'),
        ('PAAHead', dict(loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True)), 'each class'),
        ('PAAHead', dict(loss_bbox=dict(type='GHMR')), 'each box'),
        ('DDODHead', dict(loss_cls=dict(type='GHMC')), 'a weight for each prior'),
        ('FreeAnchorRetinaHead', dict(loss_bbox=GIOU), 'compares deltas'),
        ('AutoAssignHead', dict(loss_bbox=L1), 'compares boxes'),
        ('FSAFHead', dict(loss_cls=SOFTMAX), 'each class'),
        ('YOLOFHead', dict(loss_bbox=L1), 'compares boxes'),
        ('TOODHead', dict(loss_cls=dict(type='QualityFocalLoss')), 'takes probabilities'),
        ('RetinaHead', dict(loss_cls=dict(type='FocalLoss', activated=True)), 'takes logits'),
        ('RetinaHead', dict(loss_cls=dict(type='GaussianFocalLoss')), 'takes logits'),
        ('SABLRetinaHead', dict(loss_bbox_cls=SOFTMAX), 'takes the score'),
        ('SABLRetinaHead', dict(loss_bbox_reg=GIOU), 'compares deltas'),
    ],
)
def test_a_loss_that_does_not_fit(name, losses, problem) -> None:
    [(part, loss)] = losses.items()
    with pytest.raises(ConfigError) as refused:
        head(name, **losses)
    message = str(refused.value)
    assert f'model.bbox_head.{part}: {name} needs a loss' in message
    assert problem in message
    assert f'found {loss["type"]}' in message


HARD = dict(type='nms', iou_threshold=0.5, max_num=-1, class_agnostic=False, offset=0)
SOFT = dict(HARD, type='soft_nms', iou_threshold=0.3, method='linear', sigma=0.5, min_score=1e-3)


@pytest.mark.parametrize(
    ('test_cfg', 'expected'),
    [
        ({}, HARD),
        (dict(nms=None, iou_thr=0.6), dict(HARD, iou_threshold=0.6)),
        (dict(nms=dict(max_num=9, split_thr=10000)), dict(HARD, max_num=9)),
        (dict(nms=dict(type='soft_nms', sigma=None)), SOFT),
        (dict(nms=dict(type='soft_nms'), iou_thr=0.6), dict(SOFT, iou_threshold=0.6)),
        (
            dict(nms=dict(type='soft_nms', iou_threshold=0.5, method='gaussian'), iou_thr=0.6),
            dict(SOFT, iou_threshold=0.5, method='gaussian'),
        ),
    ],
    ids=str,
)
def test_nms_with_all_keys(test_cfg: dict, expected: dict) -> None:
    assert nms_rule(test_cfg, 'nms') == expected


def test_proposals_have_a_threshold_of_their_own() -> None:
    cfg = flat_test_cfg({}, PROPOSALS)
    assert cfg['nms'] == dict(HARD, iou_threshold=0.7) and 'iou_thr' not in cfg
    assert flat_test_cfg(dict(nms=dict(type='soft_nms')), PROPOSALS)['nms'] == SOFT


@pytest.mark.parametrize(
    ('nms', 'message'),
    [
        (dict(type='nms', min_score=0.05), r"min_score: only type='soft_nms' has this key"),
        (dict(sigma=0.5), r"nms\.sigma: only type='soft_nms' has this key, and the type is 'nms'"),
        (dict(type='soft_nms', sigma=0), r'nms\.sigma: a number above 0 is expected, found 0'),
        (dict(type='soft_nms', method='gauss'), r"nms\.method: .*'gauss'.*mean 'gaussian'"),
        (dict(type='soft_nms', min_scores=0.1), r"no key 'min_scores'.*mean 'min_score'"),
        (dict(type='nms', offset=2), r'nms\.offset: 0 or 1 is expected, found 2'),
        (dict(type='nms', max_num='all'), r"nms\.max_num: a whole number is expected, found 'all'"),
        (dict(type='nms_match'), r"nms\.type: 'nms' or 'soft_nms' is expected, found 'nms_match'"),
    ],
    ids=str,
)
def test_nms_that_is_refused(nms: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        nms_rule(dict(nms=nms), 'model.test_cfg.nms')
