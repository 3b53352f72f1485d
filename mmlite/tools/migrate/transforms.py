"""Transforms: one step of an old pipeline becomes none, one or two steps in 3.x's spelling.

Normalisation and padding to a divisor move to `model.data_preprocessor`: they leave no step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmlite.registry import TRANSFORMS
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.parts import fit_part, is_known

TEST_META_KEYS = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
TTA_META_KEYS = (*TEST_META_KEYS, 'flip', 'flip_direction')
_COLLECTED = ('img', 'gt_bboxes', 'gt_labels', 'gt_bboxes_ignore')
# what 2.x's Collect kept by itself; under other names PackDetInputs keeps what is still there
_COLLECTED_META = (
    *('filename', 'ori_filename', 'ori_shape', 'img_shape', 'pad_shape', 'scale_factor'),
    *('flip', 'flip_direction', 'img_norm_cfg'),
)

Steps = list[dict[str, Any]]


@dataclass
class Pipeline:
    """What an old pipeline becomes.

    Args:
        test: no ground truth is loaded by it.
        scale: MultiScaleFlipAug's, for the Resize inside: `dict(scale=(w, h))` or
            `dict(scale_factor=f)`.
        steps: the new pipeline.
        tta: the one of tests in several versions, if the old one was such.
        norm: mean, std and to_rgb of Normalize; empty without it.
        pad: `pad_size_divisor` and `pad_value` of Pad.
    """

    test: bool
    scale: dict[str, Any] | None = None
    steps: Steps = field(default_factory=list)
    tta: Steps | None = None
    norm: dict[str, Any] = field(default_factory=dict)
    pad: dict[str, Any] = field(default_factory=dict)


def _same(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    """A step of the same name; one that mmlite does not have is left out, and noted."""
    if not is_known(kind, TRANSFORMS):
        step.notes.not_mapped(step.path, dict(step.left), 'mmlite has no such transform')
        step.left.clear()
        return []
    backend = step.get('file_client_args')
    if isinstance(backend, Mapping) and backend.get('backend') == 'disk':
        step.drop('file_client_args', 'files on a disk need no word')
    return [fit_part(step, TRANSFORMS, kind)]


def _resize(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    why = 'renamed'
    common = dict(keep_ratio=step.take('keep_ratio', True))  # 3.x's default is False
    clip = step.move('bbox_clip_border', 'Resize.clip_object_border', why)
    if clip is not None:
        common['clip_object_border'] = clip
    common |= {key: step.take(key) for key in ('interpolation', 'backend') if key in step}
    mode = step.take('multiscale_mode', 'range')
    ratios = step.take('ratio_range')
    if pipeline.scale is not None and step.get('img_scale') is None:
        return [dict(type='Resize', **pipeline.scale, **common)]
    if step.get('img_scale') is None:
        step.notes.not_mapped(step.path, common, 'it has no img_scale, so its size is not known')
        return []
    scales = listed_scales(step.get('img_scale'))
    if ratios is not None:
        step.move('img_scale', 'RandomResize.scale', 'a factor is drawn: RandomResize')
        return [dict(type='RandomResize', scale=scales[0], ratio_range=ratios, **common)]
    if len(scales) == 1:
        step.move('img_scale', 'Resize.scale', why)
        return [dict(type='Resize', scale=scales[0], **common)]
    if mode == 'range' and len(scales) == 2:
        step.move('img_scale', 'RandomResize.scale', "multiscale_mode='range' is RandomResize")
        return [dict(type='RandomResize', scale=scales, **common)]
    step.move('img_scale', 'RandomChoiceResize.scales', "multiscale_mode='value' is that class")
    return [dict(type='RandomChoiceResize', scales=scales, **common)]


def listed_scales(scales: Any) -> list[tuple[int, int]]:
    """Returns a list of (w, h) from one or several."""
    several = isinstance(scales[0], (list, tuple))
    return [tuple(scale) for scale in scales] if several else [tuple(scales)]


def _random_flip(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    if pipeline.scale is not None:  # MultiScaleFlipAug says whether it flips
        step.left.clear()
        return []
    prob = step.move('flip_ratio', 'RandomFlip.prob', 'renamed')
    if prob is None:
        step.notes.changed(step.path, '', 'without flip_ratio it never flipped')
        step.left.clear()
        return []
    return [{**fit_part(step, TRANSFORMS, kind), 'prob': prob}]


def _normalize(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    norm = {key: step.take(key) for key in ('mean', 'std')}
    pipeline.norm = {**norm, 'to_rgb': step.take('to_rgb', True)}
    new = 'model.data_preprocessor: mean, std, bgr_to_rgb'
    step.notes.changed(step.path, new, 'images are normalised on the device')
    return []


def _pad(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    value = step.take('pad_val', 0)
    value = value.get('img', 0) if isinstance(value, Mapping) else value
    if step.get('size_divisor') is None:
        return _pad_to_size(step, pipeline)
    pipeline.pad['pad_size_divisor'] = step.take('size_divisor')
    if value:
        pipeline.pad['pad_value'] = value
    step.notes.changed(
        f'{step.path}.size_divisor',
        'model.data_preprocessor.pad_size_divisor',
        'batches are padded on the device',
    )
    return []


def _pad_to_size(step: Section, pipeline: Pipeline) -> Steps:
    """Pads with the mean: what was 0 behind Normalize is the mean before it."""
    mean = list(pipeline.norm.get('mean', (0, 0, 0)))
    fill = mean[::-1] if pipeline.norm.get('to_rgb') else mean
    _swap_size(step, 'size')
    new = fit_part(step, TRANSFORMS, 'Pad')
    step.notes.changed(step.path, 'Pad.pad_val', 'the mean before normalisation is 0 after it')
    return [{**new, 'pad_val': dict(img=fill)}]


def _swap_size(step: Section, key: str) -> None:
    """2.x read (h, w) here, 3.x reads (w, h)."""
    size = step.get(key)
    if isinstance(size, (list, tuple)) and size[0] != size[1]:
        step.left[key] = tuple(size[::-1])
        step.notes.changed(f'{step.path}.{key} (h, w)', '(w, h)', '3.x has the width first')


def _random_crop(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    if step.get('crop_type', 'absolute') != 'absolute_range':  # that one is no (h, w)
        _swap_size(step, 'crop_size')
    return [fit_part(step, TRANSFORMS, kind)]


def _mixing(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    _swap_size(step, 'img_scale')
    return [fit_part(step, TRANSFORMS, kind)]


def _format(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    step.take('keys')
    step.notes.changed(step.path, '', 'PackDetInputs makes tensors')
    return []


def _collect(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    keys = step.take('keys', ())
    others = [key for key in keys if key not in _COLLECTED]
    if others:
        step.notes.not_mapped(step.at('keys'), others, 'PackDetInputs takes images and boxes')
    step.notes.changed(step.path, 'PackDetInputs', 'renamed')
    extra = [key for key in step.take('meta_keys', ()) if key not in _COLLECTED_META]
    if not pipeline.test:
        meta_keys = dict(meta_keys=(*TTA_META_KEYS, *extra)) if extra else {}
        return [dict(type='PackDetInputs', **meta_keys)]
    step.notes.changed('', 'LoadAnnotations before PackDetInputs', "mmdet 3's metrics need it")
    return [
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='PackDetInputs', meta_keys=(*TEST_META_KEYS, *extra)),
    ]


_RULES: dict[str, Callable[[str, Section, Pipeline], Steps]] = dict(
    Resize=_resize,
    RandomFlip=_random_flip,
    Normalize=_normalize,
    Pad=_pad,
    RandomCrop=_random_crop,
    Mosaic=_mixing,
    MixUp=_mixing,
    DefaultFormatBundle=_format,
    ImageToTensor=_format,
    ToTensor=_format,
    Collect=_collect,
)


def migrate_transform(kind: str, step: Section, pipeline: Pipeline) -> Steps:
    """Returns the new steps of an old one; what it says to others goes into `pipeline`.

    Args:
        kind: its old `type`.
        step: its arguments; those that nothing takes stay there.
        pipeline: the pipeline that it is a step of.
    """
    return _RULES.get(kind, _same)(kind, step, pipeline)
