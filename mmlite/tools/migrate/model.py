"""The model: detector, backbone and neck. The heads are in heads.py, train_cfg in settings.py."""

from __future__ import annotations

from typing import Any

from mmengine.runner.checkpoint import get_deprecated_model_names

from mmlite.errors import ConfigError
from mmlite.registry import BACKBONES, NECKS
from mmlite.tools.migrate.heads import migrate_head, migrate_roi_head
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_part, fit_whole, rename
from mmlite.tools.migrate.settings import migrate_settings
from mmlite.tools.migrate.source import class_head

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
    head_kind = class_head(model.left)['type']
    new: dict[str, Any] = dict(type=kind, data_preprocessor=preprocessor)
    backbone = model.section('backbone')
    has_neck = model.get('neck') is not None
    ssd_neck = _neck_of_vgg(backbone, not has_neck)
    new['backbone'] = _backbone(model, backbone)
    if has_neck:
        new['neck'] = _necks(model)
    elif ssd_neck is not None:
        new['neck'] = ssd_neck
    new |= _heads(model, version)
    if 'shared_head' in new.get('roi_head', {}):
        _same_weights(new['backbone'], new['roi_head']['shared_head'], model)
    new |= migrate_settings(top, model, head_kind)
    if 'init_cfg' in model:
        new['init_cfg'] = model.take('init_cfg')
    model.close(f'{kind} takes no such argument')
    return new


def _heads(model: Section, version: str) -> dict[str, Any]:
    """The only head, or those of both stages, or an RPN's."""
    if 'bbox_head' in model:
        return dict(bbox_head=migrate_head(model.section('bbox_head'), version))
    new: dict[str, Any] = {}
    if 'rpn_head' in model:
        new['rpn_head'] = migrate_head(model.section('rpn_head'), version)
    if 'roi_head' in model:
        new['roi_head'] = migrate_roi_head(model.section('roi_head'))
    return new


def _same_weights(backbone: dict[str, Any], shared: dict[str, Any], model: Section) -> None:
    """`model.pretrained` was for the layers on the RoIs too."""
    if 'pretrained' in model.taken and 'init_cfg' not in shared:
        shared['init_cfg'] = backbone['init_cfg']
        new = 'model.roi_head.shared_head.init_cfg'
        model.notes.changed('model.pretrained', new, 'each part names its weights')


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
