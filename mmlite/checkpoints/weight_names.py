"""How other programs, and older ones, name and order the weights of detectors.

mmlite's own layout, in memory and on disk, is mmdet 3.x's. Two things differ elsewhere: the names
of the layers, and where a class layer has its background channels. mmdet 3.x and 2.x have them
last (softmax) or have none (sigmoid), mmdet 1.x has them first, torchvision has them first always.
In a second stage mmdet 1.x and torchvision have a box for the background too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmlite.checkpoints.torchvision_names import current_name, torchvision_name
from mmlite.errors import DataError

_PARTS = ('backbone.', 'neck.', 'bbox_head.')
_OWN_HEADS = ('neck.', 'bbox_head.', 'rpn_head.', 'roi_head.')
_HEADS_OF_TORCHVISION = ('head.classification_head.', 'rpn.head.', 'roi_heads.')
_CLASS_LAYER = re.compile(r'bbox_head\.(retina_cls|conv_cls|cls_convs\.\d+\.0)\.(weight|bias)')
# of a second stage: what predicts classes, and four numbers for the box of each class
_ROI_CLASSES = re.compile(r'roi_head\.bbox_head\.(\d+\.)?fc_cls\.')
_ROI_BOXES = re.compile(r'(roi_head\.bbox_head(?:\.\d+)?)\.fc_reg\.')
# the background of a sigmoid head in torchvision's layout: a logit that no threshold lets through
_NO_BACKGROUND = -100.0


def recognise(
    weights: Mapping[str, Tensor],
    meta: Mapping[str, Any],
    model: nn.Module,
    path: str,
    version: str | None = None,
) -> str:
    """Returns the layout of a file.

    It is 'mmdet-3.x', 'mmdet-2.x', 'mmdet-1.x', 'torchvision', or 'backbone' for a classifier, of
    which the backbone takes what it has.

    Args:
        weights: its tensors.
        meta: its `meta`; the versions in it say how old it is.
        model: the detector they are for.
        path: the file, for errors.
        version: '1.x' or '3.x' in place of what `meta` says.

    Raises:
        DataError: nothing says whether the background of a softmax head is first or last.
    """
    if any(key.startswith(_HEADS_OF_TORCHVISION) for key in weights):
        return 'torchvision'
    if hasattr(model, 'backbone') and not any(key.startswith(_PARTS) for key in weights):
        return 'backbone'
    version = version or _version(meta) or _version_by_names(weights, model)
    if (
        version is None
        and _is_softmax(model)
        and any(map(_CLASS_LAYER.match, _own(weights, model)))
    ):
        raise DataError(
            f'{path}: nothing in it says whether mmdet 1.x wrote it, which has the background '
            'class first, or a later one, which has it last. If you know: --checkpoint-layout 1.x '
            'or 3.x (2.x is as 3.x)'
        )
    return f'mmdet-{version or "3.x"}'


def _version(meta: Mapping[str, Any]) -> str | None:
    if 'mmengine_version' in meta or 'mmlite_version' in meta:
        return '3.x'
    major = str(meta.get('mmdet_version', '')).split('.')[0]
    return {'0': '1.x', '1': '1.x', '2': '2.x', '3': '3.x'}.get(major)


def _version_by_names(weights: Mapping[str, Tensor], model: nn.Module) -> str | None:
    """The RoI head, which has the second stage since 2.0, was not there in 1.x."""
    is_old = hasattr(model, 'roi_head') and not any(key.startswith('roi_head.') for key in weights)
    return '1.x' if is_old and any(key.startswith('bbox_head.') for key in weights) else None


def to_own(weights: Mapping[str, Tensor], layout: str, model: nn.Module) -> dict[str, Tensor]:
    """Returns the weights of a file in mmlite's layout; what has no place keeps its name."""
    if layout == 'backbone':
        converted = model.backbone.convert_pretrained(dict(weights))
        return {f'backbone.{key}': value for key, value in converted.items()}
    if layout != 'torchvision':
        own = _own(weights, model)
        if layout != 'mmdet-1.x':
            return own
        moved = _background_moved(own, model, -1)
        return {key: _without_roi_background(key, value) for key, value in moved.items()}
    names = {torchvision_name(key, model): key for key in model.state_dict()}
    weights = {key if key in names else current_name(key): v for key, v in weights.items()}
    own = {names.get(key, key): value for key, value in weights.items()}
    for key in _scales(model):
        own[key] = torch.tensor(1.0)  # torchvision's FCOS has none
    if _is_softmax(model):
        return _background_moved(own, model, -1)
    for key, value in _class_layers(own, model):
        own[key] = value[:, 1:].flatten(0, 1)
    return {key: _without_roi_background(key, value) for key, value in own.items()}


def from_own(weights: Mapping[str, Tensor], layout: str, model: nn.Module) -> dict[str, Tensor]:
    """Returns the weights of `model.state_dict()` in another layout; the inverse of `to_own`.

    A sigmoid head gets a background for torchvision, one that is never found, and a second stage a
    box for the background, which torchvision never looks at.

    Raises:
        DataError: the layout has no place for something in the model.
    """
    weights = dict(weights)
    if layout == 'mmdet-1.x':
        moved = _background_moved(weights, model, 1)
        named = {_first_name(key, model): key for key in moved}
        return {name: _with_roi_background(key, moved[key], model) for name, key in named.items()}
    if layout != 'torchvision':
        return weights
    if hasattr(model.neck, 'extra_layers') and not hasattr(model.backbone, 'features'):
        raise DataError(f'torchvision has no SSD with a {type(model.backbone).__name__}')
    if _is_softmax(model):
        weights = _background_moved(weights, model, 1)
    else:
        for key, value in _class_layers(weights, model):
            fill = _NO_BACKGROUND if key.endswith('bias') else 0.0
            background = torch.full_like(value[:, :1], fill)
            weights[key] = torch.cat([background, value], dim=1).flatten(0, 1)
    scales = _scales(model)
    unequal = [key for key in scales if weights.pop(key).item() != 1]
    if unequal:
        raise DataError(f"torchvision's FCOS has no scales, and {unequal[0]} is not 1")
    named = {torchvision_name(key, model): key for key in weights}
    strange = [key for key in named if key.startswith(_OWN_HEADS)]
    if strange:
        raise DataError(f'torchvision has no detector with a layer such as {strange[0]}')
    return {name: _with_roi_background(key, weights[key], model) for name, key in named.items()}


# ---- the background channel ---------------------------------------------------------------------


def _is_softmax(model: nn.Module) -> bool:
    head = getattr(model, 'bbox_head', None)
    return getattr(head, 'num_outputs', 0) > getattr(head, 'num_classes', 0)


def _class_layers(weights: Mapping[str, Tensor], model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yields the tensors that give class scores, as (priors of a cell, classes, ...).

    The file may have another number of classes than the model, not of priors.
    """
    own = model.state_dict()
    for key in [key for key in weights if _CLASS_LAYER.match(key) and key in own]:
        priors = len(own[key]) // model.bbox_head.num_outputs
        if len(weights[key]) % priors == 0:
            yield key, weights[key].unflatten(0, (priors, -1))


def _background_moved(
    weights: Mapping[str, Tensor], model: nn.Module, step: int
) -> dict[str, Tensor]:
    """Moves the background of a softmax head: -1 from first to last, 1 back."""
    moved = dict(weights)
    if _is_softmax(model):
        for key, value in _class_layers(weights, model):
            moved[key] = value.roll(step, dims=1).flatten(0, 1)
    return moved


def _without_roi_background(key: str, value: Tensor) -> Tensor:
    """Turns a tensor of another second stage into the own one; others stay."""
    if _ROI_CLASSES.match(key):
        return value.roll(-1, dims=0)  # (C + 1, ...), the background from first to last
    # (4 * (C + 1), ...) -> (4 * C, ...); 4 are one box for all classes
    return value[4:] if _ROI_BOXES.match(key) and len(value) > 4 else value


def _with_roi_background(key: str, value: Tensor, model: nn.Module) -> Tensor:
    """The inverse of `_without_roi_background`; the box of the background has the weights 0."""
    if _ROI_CLASSES.match(key):
        return value.roll(1, dims=0)
    boxes = _ROI_BOXES.match(key)
    if boxes and not model.get_submodule(boxes[1]).reg_class_agnostic:
        return torch.cat([torch.zeros_like(value[:4]), value])
    return value


def _scales(model: nn.Module) -> list[str]:
    return [key for key in model.state_dict() if key.startswith('bbox_head.scales.')]


# ---- names of older mmdet -----------------------------------------------------------------------

_RENAMED = (
    (r'bbox_head\.fcos_(cls|reg|centerness)\.', r'bbox_head.conv_\1.'),  # FCOS up to 1.x
    (r'(bbox_head\.\w+_convs\.\d+)\.(weight|bias)$', r'\1.conv.\2'),  # RetinaNet up to 0.5
    (r'(bbox_head\.\w+_convs\.\d+)\.(weight|bias)$', r'\1.0.\2'),  # SSD up to 2.13, as all below
    (r'backbone\.l2_norm\.', r'neck.l2_norm.'),
    (r'^(bbox_head|shared_head)\.', r'roi_head.\1.'),  # second stages up to 1.x
    (r'^rpn_head\.', r'bbox_head.'),  # an RPN for itself up to 2.x
    (r'^bbox_head\.', r'rpn_head.'),  # its file, for the first stage of a detector
)


def _own(weights: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Gives each tensor the name of today, where the model has that one and not the old one."""
    own = set(model.state_dict())
    return {_own_name(key, own): value for key, value in weights.items()}


def _own_name(key: str, own: set[str]) -> str:
    candidates = [key, *(re.sub(pattern, name, key) for pattern, name in _RENAMED)]
    extra = re.match(r'backbone\.extra\.(\d+)\.(\w+)$', key)
    if extra:  # SSD's added layers were one flat list, two to a level
        level, conv = divmod(int(extra[1]), 2)
        candidates.append(f'neck.extra_layers.{level}.{conv}.conv.{extra[2]}')
    return next((name for name in candidates if name in own), key)


def _first_name(key: str, model: nn.Module) -> str:
    """Returns the name that mmdet 1.x has for a tensor."""
    key = re.sub(r'bbox_head\.conv_(cls|reg|centerness)\.', r'bbox_head.fcos_\1.', key)
    key = re.sub(r'neck\.l2_norm\.', 'backbone.l2_norm.', key)
    key = re.sub(r'^roi_head\.', '', key)
    key = re.sub(r'^bbox_head\.rpn_', 'rpn_head.rpn_', key)
    key = re.sub(r'(bbox_head\.\w+_convs\.\d+)\.0\.', r'\1.', key)
    extra = re.match(r'neck\.extra_layers\.(\d+)\.(\d)\.conv\.(\w+)$', key)
    return f'backbone.extra.{2 * int(extra[1]) + int(extra[2])}.{extra[3]}' if extra else key
