"""The model: detector, backbone, neck, training and test settings. The heads are in heads.py."""

from __future__ import annotations

from typing import Any

from mmengine.runner.checkpoint import get_deprecated_model_names

from mmlite.config.schema import (
    HEAT_MAP_TEST_CFG,
    NMS,
    PROPOSALS,
    RCNN_TEST_CFG,
    SOFT_NMS,
    TEST_CFG,
    TRAIN_CFG,
    Keys,
    Value,
)
from mmlite.errors import ConfigError
from mmlite.registry import BACKBONES, NECKS, TASK_UTILS
from mmlite.tools.migrate.heads import migrate_head
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_part, fit_whole, rename

# channels, strides and paddings of the levels that 1.x's and early 2.x's SSDVGG added by itself
_SSD_NECKS = {
    300: dict(
        out_channels=(512, 1024, 512, 256, 256, 256),
        level_strides=(2, 2, 1, 1),
        level_paddings=(1, 1, 0, 0),
    ),
    512: dict(
        out_channels=(512, 1024, 512, 256, 256, 256, 256),
        level_strides=(2, 2, 2, 2, 1),
        level_paddings=(1, 1, 1, 1, 1),
        last_kernel_size=4,
    ),
}


def migrate_model(top: Section, version: str, preprocessor: dict[str, Any]) -> dict[str, Any]:
    """Takes `model`, `train_cfg` and `test_cfg` out of `top` and returns the new model.

    Args:
        top: the whole old config.
        version: '1.x' or '2.x'.
        preprocessor: `data_preprocessor`, from the pipelines.

    Raises:
        ConfigError: an SSD whose added levels are not known.
    """
    model = top.section('model')
    kind = model.take('type')
    head_kind = model.get('bbox_head')['type']
    new: dict[str, Any] = dict(type=kind, data_preprocessor=preprocessor)
    backbone = model.section('backbone')
    has_neck = model.get('neck') is not None
    ssd_neck = _neck_of_vgg(backbone, not has_neck)
    new['backbone'] = _backbone(model, backbone)
    if has_neck:
        new['neck'] = _necks(model)
    elif ssd_neck is not None:
        new['neck'] = ssd_neck
    new['bbox_head'] = migrate_head(model.section('bbox_head'), version)
    settings = {key: _settings(top, model, key) for key in ('train_cfg', 'test_cfg')}
    if settings['train_cfg'] is not None and head_kind == 'FCOSHead':
        _drop_assigner(settings['train_cfg'])
    elif settings['train_cfg'] is not None:
        new['train_cfg'] = _train_cfg(settings['train_cfg'])
    if settings['test_cfg'] is not None:
        new['test_cfg'] = _test_cfg(settings['test_cfg'], head_kind)
    if 'init_cfg' in model:
        new['init_cfg'] = model.take('init_cfg')
    model.close(f'{kind} takes no such argument')
    return new


def _settings(top: Section, model: Section, key: str) -> Section | None:
    """`train_cfg` or `test_cfg`, at the top until 2.8 and in the model since."""
    if isinstance(top.get(key), dict):
        top.notes.changed(key, f'model.{key}', 'it is the model that reads it')
        return top.section(key)
    return model.section(key)


def _backbone(model: Section, backbone: Section) -> dict[str, Any]:
    kind = backbone.take('type')
    source = backbone if 'pretrained' in backbone else model
    checkpoint = source.move(
        'pretrained', 'model.backbone.init_cfg', 'weights are named by init_cfg'
    )
    fitted = fit_part(backbone, BACKBONES, kind)
    if checkpoint is not None:
        fitted['init_cfg'] = dict(type='Pretrained', checkpoint=checkpoint)
    init_cfg = fitted.get('init_cfg')
    if isinstance(init_cfg, dict) and 'checkpoint' in init_cfg:
        init_cfg['checkpoint'] = _renamed_weights(init_cfg['checkpoint'], backbone)
    backbone.close(f'{kind} takes no such argument')
    return fitted


def _renamed_weights(name: str, backbone: Section) -> str:
    """Returns the name under which the weights are known now."""
    scheme, _, rest = name.partition('://')
    if scheme == 'modelzoo':
        new = f'torchvision://{rest}'
    elif scheme == 'open-mmlab':
        new = f'open-mmlab://{get_deprecated_model_names().get(rest, rest)}'
    else:
        new = name
    if new != name:
        backbone.notes.changed(name, new, 'weights have another name now')
    return new


def _neck_of_vgg(backbone: Section, needed: bool) -> dict[str, Any] | None:
    """Takes SSDVGG's arguments for SSD's added levels; returns the neck that makes them now."""
    if backbone.get('type') != 'SSDVGG' or ('input_size' not in backbone and not needed):
        return None
    if not needed:
        for key in ('input_size', 'l2_norm_scale'):
            backbone.drop(key, 'deprecated in 2.14: the neck has it')
        return None
    why = 'the levels that SSDVGG added are a neck now'
    size = backbone.move('input_size', 'model.neck (SSDNeck)', why)
    if size not in _SSD_NECKS:
        raise ConfigError(
            f'model.backbone.input_size: SSDVGG added levels for 300 and 512 px, found {size!r}'
        )
    scale = backbone.move('l2_norm_scale', 'model.neck.l2_norm_scale', why, default=20.0)
    return dict(type='SSDNeck', in_channels=(512, 1024), **_SSD_NECKS[size], l2_norm_scale=scale)


def _necks(model: Section) -> dict[str, Any] | list[dict[str, Any]]:
    """The neck, or each of a list of them, as Libra R-CNN has it."""
    if isinstance(model.get('neck'), dict):
        return _neck(model.section('neck'))
    at, necks = model.at('neck'), enumerate(model.take('neck'))
    return [_neck(Section(neck, f'{at}.{i}', model.notes)) for i, neck in necks]


def _neck(neck: Section) -> dict[str, Any]:
    if neck.get('type') == 'CTResNetNeck':
        rename(neck, ('in_channel', 'in_channels'))
    if neck.get('type') != 'FPN':
        return fit_whole(neck, NECKS)
    on_input = neck.move('extra_convs_on_inputs', neck.at('add_extra_convs'), 'one key for both')
    extra = neck.get('add_extra_convs')
    if extra is True:
        # 1.x and early 2.x took the backbone's last map unless the config said no
        neck.left['add_extra_convs'] = 'on_output' if on_input is False else 'on_input'
        neck.notes.changed(
            f'{neck.at("add_extra_convs")} = True',
            repr(neck.left['add_extra_convs']),
            'it says now where the extra levels start',
        )
    return fit_whole(neck, NECKS)


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
