"""The heads: 1.x's arguments about anchors become an anchor_generator and a bbox_coder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmlite.registry import HEADS, LOSSES, TASK_UTILS
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_part, fit_whole, rename

# losses that mmdet's RetinaHead and RPNHead had where the config named none; mmlite's defaults are
# the papers'
_RETINA_LOSSES = dict(
    loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
    loss_bbox=dict(type='SmoothL1Loss', beta=1.0 / 9.0, loss_weight=1.0),
)
# losses that are computed on boxes, and therefore need no flag that says so
_BOX_LOSSES = ('IoULoss', 'GIoULoss', 'DIoULoss', 'CIoULoss')
_AS_1X = (
    'its boxes span x2 - x1 + 1, and its weights fit no others; for a new training: without Legacy'
)


def migrate_head(head: Section, version: str, keeps_flag: bool = False) -> dict[str, Any]:
    """Returns the new `bbox_head`.

    Args:
        head: the old one.
        version: '1.x' or '2.x'; in 1.x `num_classes` counts the background.
        keeps_flag: `reg_decoded_bbox` is still there, as in the heads of a second stage.
    """
    kind = head.take('type')
    new: dict[str, Any] = dict(type=kind)
    if 'num_classes' in head:  # an RPNHead has none
        new['num_classes'] = _num_classes(head, version)
    if version == '1.x' and kind != 'FCOSHead':
        new['anchor_generator'] = _anchors(head, kind)
        new['bbox_coder'] = _coder(head)
    for key in ('anchor_generator', 'bbox_coder'):
        part = head.section(key)
        if part is not None:
            new[key] = fit_whole(part, TASK_UTILS)
    if kind == 'CenterNetHead':
        rename(head, ('in_channel', 'in_channels'), ('feat_channel', 'feat_channels'))
    if not keeps_flag:
        _check_box_flag(head)
    losses = [key for key in head.left if key.startswith('loss_')]
    for key in dict.fromkeys([*_RETINA_LOSSES, *losses]):
        loss = head.section(key)
        if loss is not None:
            # YOLOv3's head reads it itself, see YOLOV3Head
            read = kind == 'YOLOV3Head' and 'reduction' in loss
            kept = {'reduction': loss.take('reduction')} if read else {}
            new[key] = {**fit_whole(loss, LOSSES), **kept}
        elif kind in ('RetinaHead', 'RPNHead') and key in _RETINA_LOSSES:
            new[key] = _RETINA_LOSSES[key]
            head.notes.changed('', head.at(key), "mmdet's default, which is not mmlite's")
    head.drop('background_label', 'the background has no label in 3.x')
    fitted = fit_part(head, HEADS, kind)
    head.close(f'{kind} takes no such argument')
    return {**fitted, **new}


def migrate_roi_head(roi: Section) -> dict[str, Any]:
    """Returns the new `roi_head`, whose parts may be lists, one for each stage of a cascade."""
    kind = roi.take('type')
    new: dict[str, Any] = dict(
        type=kind,
        bbox_roi_extractor=_each(
            roi, 'bbox_roi_extractor', lambda part: fit_whole(part, TASK_UTILS)
        ),
        bbox_head=_each(roi, 'bbox_head', lambda part: migrate_head(part, '2.x', keeps_flag=True)),
    )
    shared = roi.section('shared_head')
    if shared is not None:
        new['shared_head'] = fit_whole(shared, HEADS)
    for key in ('mask_roi_extractor', 'mask_head'):
        if roi.get(key) is not None:
            roi.refuse(key, 'masks are not supported yet; the new config finds boxes only')
    fitted = fit_part(roi, HEADS, kind)
    roi.close(f'{kind} takes no such argument')
    return {**fitted, **new}


def _each(roi: Section, key: str, migrate: Callable[[Section], dict[str, Any]]) -> Any:
    """Returns what `migrate` makes of a part, or of each of a list of them."""
    parts, at = roi.take(key), roi.at(key)
    if isinstance(parts, (list, tuple)):
        return [migrate(Section(part, f'{at}.{i}', roi.notes)) for i, part in enumerate(parts)]
    return migrate(Section(parts, at, roi.notes))


def _num_classes(head: Section, version: str) -> int:
    count = head.take('num_classes')
    if version == '1.x':
        head.notes.changed(
            f'{head.at("num_classes")} = {count}', f'{count - 1}', 'the background is not counted'
        )
        return count - 1
    return count


def _anchors(head: Section, kind: str) -> dict[str, Any]:
    generator = 'model.bbox_head.anchor_generator'
    why = 'an object of its own makes the anchors'
    renamed = dict(anchor_strides='strides', anchor_ratios='ratios')
    if kind == 'SSDHead':
        new: dict[str, Any] = dict(type='LegacySSDAnchorGenerator', scale_major=False)
        renamed |= dict(input_size='input_size', basesize_ratio_range='basesize_ratio_range')
    else:
        new = dict(type='LegacyAnchorGenerator', center_offset=0.5)
        renamed |= dict(
            octave_base_scale='octave_base_scale',
            scales_per_octave='scales_per_octave',
            anchor_base_sizes='base_sizes',
        )
    for old, name in renamed.items():
        if head.get(old) is not None:
            new[name] = head.move(old, f'{generator}.{name}', why)
    head.notes.changed('', f'{generator}.type = {new["type"]!r}', _AS_1X)
    return new


def _coder(head: Section) -> dict[str, Any]:
    new: dict[str, Any] = dict(type='LegacyDeltaXYWHBBoxCoder')
    for key in ('target_means', 'target_stds'):
        if key in head:
            why = 'an object of its own encodes the boxes'
            new[key] = head.move(key, f'model.bbox_head.bbox_coder.{key}', why)
    return new


def _check_box_flag(head: Section) -> None:
    """`reg_decoded_bbox` had to agree with the loss; now the loss itself says it."""
    loss = (head.get('loss_bbox') or {}).get('type')
    if head.get('reg_decoded_bbox', False) == (loss in _BOX_LOSSES):
        head.drop('reg_decoded_bbox', 'the loss says by itself whether it works on boxes')
