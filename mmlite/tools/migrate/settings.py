"""`train_cfg` and `test_cfg` of a model: assignment, sampling, and what makes detections."""

from __future__ import annotations

from typing import Any

from mmlite.config.schema import (
    HEAT_MAP_TEST_CFG,
    NMS,
    PROPOSALS,
    RCNN_TEST_CFG,
    RCNN_TRAIN_CFG,
    RPN_TRAIN_CFG,
    SOFT_NMS,
    TEST_CFG,
    TRAIN_CFG,
    Keys,
    Value,
)
from mmlite.registry import TASK_UTILS
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_whole


def migrate_settings(top: Section, model: Section, head_kind: str) -> dict[str, Any]:
    """Returns the new `train_cfg` and `test_cfg`, those that are there.

    Args:
        top: the whole old config.
        model: its model.
        head_kind: the `type` of the head that has the classes.
    """
    new: dict[str, Any] = {}
    train_cfg, test_cfg = (_settings(top, model, key) for key in ('train_cfg', 'test_cfg'))
    if train_cfg is not None and head_kind == 'FCOSHead':
        _drop_assigner(train_cfg)
    elif train_cfg is not None and any(stage in train_cfg for stage in ('rpn', 'rcnn')):
        new['train_cfg'] = _train_cfg_of_stages(train_cfg)
    elif train_cfg is not None:
        new['train_cfg'] = _train_cfg(train_cfg)
    if test_cfg is not None:
        new['test_cfg'] = _test_cfg(test_cfg, head_kind)
    return new


def _settings(top: Section, model: Section, key: str) -> Section | None:
    """`train_cfg` or `test_cfg`, at the top until 2.8 and in the model since."""
    if isinstance(top.get(key), dict):
        top.notes.changed(key, f'model.{key}', 'it is the model that reads it')
        return top.section(key)
    return model.section(key)


def _drop_assigner(train_cfg: Section) -> None:
    """FCOS never read its train_cfg; here an assigner in it would replace FCOS' own."""
    for key in list(train_cfg.left):
        train_cfg.drop(key, 'FCOS assigns by its own rule and never read this')


def _train_cfg(train_cfg: Section, keys: Keys = TRAIN_CFG) -> dict[str, Any]:
    """What SCHEMA has of it, and of the stages in it; all else is reported."""
    new: dict[str, Any] = {}
    for key, spec in keys.keys.items():
        if isinstance(spec, Value):
            if key in train_cfg and (not spec.only or train_cfg.get(key) in spec.only):
                new[key] = train_cfg.take(key)
            continue
        part = train_cfg.section(key)
        if part is not None:
            is_stage = isinstance(spec, Keys)
            new[key] = _train_cfg(part, spec) if is_stage else fit_whole(part, TASK_UTILS)
    train_cfg.close('the model has one way of doing this')
    return new


def _train_cfg_of_stages(train_cfg: Section) -> dict[str, Any]:
    """Those of an RPN, of its proposals, and of each stage behind it."""
    new: dict[str, Any] = {}
    rpn, proposals = train_cfg.section('rpn'), train_cfg.section('rpn_proposal')
    if rpn is not None:
        new['rpn'] = _train_cfg(rpn, RPN_TRAIN_CFG)
    if proposals is not None:
        new['rpn_proposal'] = _post_processing(proposals, PROPOSALS)
    at, rcnn = train_cfg.at('rcnn'), train_cfg.take('rcnn')
    if isinstance(rcnn, (list, tuple)):
        stages = (Section(part, f'{at}.{i}', train_cfg.notes) for i, part in enumerate(rcnn))
        new['rcnn'] = [_train_cfg(stage, RCNN_TRAIN_CFG) for stage in stages]
    elif rcnn is not None:
        new['rcnn'] = _train_cfg(Section(rcnn, at, train_cfg.notes), RCNN_TRAIN_CFG)
    train_cfg.close('a detector of two stages has no such setting')
    return new


def _test_cfg(test_cfg: Section, head_kind: str) -> dict[str, Any]:
    stages = {'rpn': PROPOSALS, 'rcnn': RCNN_TEST_CFG}
    if any(stage in test_cfg for stage in stages):
        parts = {stage: test_cfg.section(stage) for stage in stages if stage in test_cfg}
        new = {stage: _post_processing(part, stages[stage]) for stage, part in parts.items()}
        test_cfg.close('a detector of two stages has no such setting')
        return new
    return _post_processing(
        test_cfg, HEAT_MAP_TEST_CFG if head_kind == 'CenterNetHead' else TEST_CFG
    )


def _post_processing(test_cfg: Section, keys: Keys) -> dict[str, Any]:
    """What SCHEMA has of the settings of a head or a stage; all else is reported."""
    old = _proposals_of_1x(test_cfg) if keys is PROPOSALS else {}
    plain = [key for key, spec in keys.keys.items() if isinstance(spec, Value)]
    new = {**old, **{key: test_cfg.take(key) for key in plain if key in test_cfg}}
    if 'nms_pre' in keys.keys and 'nms_pre' not in new:
        new['nms_pre'] = -1
        test_cfg.notes.changed('', _now(test_cfg, 'nms_pre'), "-1, no limit, was mmdet's default")
    nms = test_cfg.section('nms')
    if nms is not None:
        new['nms'] = _nms(nms)
    test_cfg.close('the head has no such setting')
    return new


def _proposals_of_1x(rpn: Section) -> dict[str, Any]:
    """The NMS of proposals, which was written in single keys until 2.4."""
    new: dict[str, Any] = {}
    if 'max_num' in rpn:
        new['max_per_img'] = rpn.move('max_num', _now(rpn, 'max_per_img'), 'renamed in 2.4')
    if 'nms_thr' in rpn:
        threshold = rpn.move('nms_thr', _now(rpn, 'nms.iou_threshold'), 'renamed in 2.4')
        new['nms'] = dict(type='nms', iou_threshold=threshold)
        if rpn.move('nms_across_levels', _now(rpn, 'nms.class_agnostic'), 'renamed in 2.4'):
            new['nms']['class_agnostic'] = True
    rpn.drop('nms_post', 'since 2.4 only all levels together have a limit, max_per_img')
    return new


def _nms(nms: Section) -> dict[str, Any]:
    """Hard or soft NMS, whose threshold was `iou_thr` until 2.4."""
    kind = nms.get('type', 'nms')
    usual = 0.3 if kind == 'soft_nms' else 0.5
    threshold = nms.move('iou_thr', _now(nms, 'iou_threshold'), 'renamed in 2.4', usual)
    new = dict(type='nms', iou_threshold=nms.take('iou_threshold', threshold))
    keys = [key for key in NMS.keys if kind == 'soft_nms' or key not in SOFT_NMS]
    if kind in ('nms', 'soft_nms'):
        new.update({key: nms.take(key) for key in keys if key in nms})
    nms.close(f"it has no place in mmlite's NMS, which takes {', '.join(keys)}")
    return new


def _now(section: Section, key: str) -> str:
    """The path of a key in the new config, where `test_cfg` is in the model."""
    return f'model.{section.at(key).removeprefix("model.")}'
