"""One transform of an old pipeline becomes none, one or two transforms in 3.x's spelling.

Normalisation and padding to a divisor move to `model.data_preprocessor`: they leave no transform.
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

Transforms = list[dict[str, Any]]


@dataclass
class Pipeline:
    """What an old pipeline becomes.

    Args:
        test: no ground truth is loaded by it.
        scale: MultiScaleFlipAug's, for the Resize inside: `dict(scale=(w, h))` or
            `dict(scale_factor=f)`.
        transforms: the new pipeline.
        tta: the one of tests in several versions, if the old one was such.
        norm: mean, std and to_rgb of Normalize; empty without it.
        pad: `pad_size_divisor` and `pad_value` of Pad.
    """

    test: bool
    scale: dict[str, Any] | None = None
    transforms: Transforms = field(default_factory=list)
    tta: Transforms | None = None
    norm: dict[str, Any] = field(default_factory=dict)
    pad: dict[str, Any] = field(default_factory=dict)


def _same(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    """A transform of the same name; one that mmlite does not have is left out, and noted."""
    if not is_known(kind, TRANSFORMS):
        old.notes.not_mapped(old.path, dict(old.left), 'mmlite has no such transform')
        old.left.clear()
        return []
    backend = old.get('file_client_args')
    if isinstance(backend, Mapping) and backend.get('backend') == 'disk':
        old.drop('file_client_args', 'files on a disk need no word')
    return [fit_part(old, TRANSFORMS, kind)]


def _resize(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    why = 'renamed'
    common = dict(keep_ratio=old.take('keep_ratio', True))  # 3.x's default is False
    clip = old.move('bbox_clip_border', 'Resize.clip_object_border', why)
    if clip is not None:
        common['clip_object_border'] = clip
    common |= {key: old.take(key) for key in ('interpolation', 'backend') if key in old}
    mode = old.take('multiscale_mode', 'range')
    ratios = old.take('ratio_range')
    if pipeline.scale is not None and old.get('img_scale') is None:
        return [dict(type='Resize', **pipeline.scale, **common)]
    if old.get('img_scale') is None:
        old.notes.not_mapped(old.path, common, 'it has no img_scale, so its size is not known')
        return []
    scales = listed_scales(old.get('img_scale'))
    if ratios is not None:
        old.move('img_scale', 'RandomResize.scale', 'a factor is drawn: RandomResize')
        return [dict(type='RandomResize', scale=scales[0], ratio_range=ratios, **common)]
    if len(scales) == 1:
        old.move('img_scale', 'Resize.scale', why)
        return [dict(type='Resize', scale=scales[0], **common)]
    if mode == 'range' and len(scales) == 2:
        old.move('img_scale', 'RandomResize.scale', "multiscale_mode='range' is RandomResize")
        return [dict(type='RandomResize', scale=scales, **common)]
    old.move('img_scale', 'RandomChoiceResize.scales', "multiscale_mode='value' is that class")
    return [dict(type='RandomChoiceResize', scales=scales, **common)]


def listed_scales(scales: Any) -> list[tuple[int, int]]:
    """Returns a list of (w, h) from one or several."""
    several = isinstance(scales[0], (list, tuple))
    return [tuple(scale) for scale in scales] if several else [tuple(scales)]


def _random_flip(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    if pipeline.scale is not None:  # MultiScaleFlipAug says whether it flips
        old.left.clear()
        return []
    prob = old.move('flip_ratio', 'RandomFlip.prob', 'renamed')
    if prob is None:
        old.notes.changed(old.path, '', 'without flip_ratio it never flipped')
        old.left.clear()
        return []
    return [{**fit_part(old, TRANSFORMS, kind), 'prob': prob}]


def _normalize(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    norm = {key: old.take(key) for key in ('mean', 'std')}
    pipeline.norm = {**norm, 'to_rgb': old.take('to_rgb', True)}
    new = 'model.data_preprocessor: mean, std, bgr_to_rgb'
    old.notes.changed(old.path, new, 'images are normalised on the device')
    return []


def _pad(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    value = old.take('pad_val', 0)
    value = value.get('img', 0) if isinstance(value, Mapping) else value
    if old.get('size_divisor') is None:
        return _pad_to_size(old, pipeline)
    pipeline.pad['pad_size_divisor'] = old.take('size_divisor')
    if value:
        pipeline.pad['pad_value'] = value
    old.notes.changed(
        f'{old.path}.size_divisor',
        'model.data_preprocessor.pad_size_divisor',
        'batches are padded on the device',
    )
    return []


def _pad_to_size(old: Section, pipeline: Pipeline) -> Transforms:
    """Pads with the mean: what was 0 behind Normalize is the mean before it."""
    mean = list(pipeline.norm.get('mean', (0, 0, 0)))
    fill = mean[::-1] if pipeline.norm.get('to_rgb') else mean
    _swap_size(old, 'size')
    new = fit_part(old, TRANSFORMS, 'Pad')
    old.notes.changed(old.path, 'Pad.pad_val', 'the mean before normalisation is 0 after it')
    return [{**new, 'pad_val': dict(img=fill)}]


def _swap_size(old: Section, key: str) -> None:
    """2.x read (h, w) here, 3.x reads (w, h)."""
    size = old.get(key)
    if isinstance(size, (list, tuple)) and size[0] != size[1]:
        old.left[key] = tuple(size[::-1])
        old.notes.changed(f'{old.path}.{key} (h, w)', '(w, h)', '3.x has the width first')


def _random_crop(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    if old.get('crop_type', 'absolute') != 'absolute_range':  # that one is no (h, w)
        _swap_size(old, 'crop_size')
    return [fit_part(old, TRANSFORMS, kind)]


def _mixing(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    _swap_size(old, 'img_scale')
    return [fit_part(old, TRANSFORMS, kind)]


def _affine(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    _swap_size(old, 'border')
    return [fit_part(old, TRANSFORMS, kind)]


def _format(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    old.take('keys')
    old.notes.changed(old.path, '', 'PackDetInputs makes tensors')
    return []


def _collect(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    keys = old.take('keys', ())
    others = [key for key in keys if key not in _COLLECTED]
    if others:
        old.notes.not_mapped(old.at('keys'), others, 'PackDetInputs takes images and boxes')
    old.notes.changed(old.path, 'PackDetInputs', 'renamed')
    extra = [key for key in old.take('meta_keys', ()) if key not in _COLLECTED_META]
    if not pipeline.test:
        meta_keys = dict(meta_keys=(*TTA_META_KEYS, *extra)) if extra else {}
        return [dict(type='PackDetInputs', **meta_keys)]
    old.notes.changed('', 'LoadAnnotations before PackDetInputs', "mmdet 3's metrics need it")
    return [
        dict(type='LoadAnnotations', with_bbox=True),
        dict(type='PackDetInputs', meta_keys=(*TEST_META_KEYS, *extra)),
    ]


_RULES: dict[str, Callable[[str, Section, Pipeline], Transforms]] = dict(
    Resize=_resize,
    RandomFlip=_random_flip,
    Normalize=_normalize,
    Pad=_pad,
    RandomCrop=_random_crop,
    Mosaic=_mixing,
    MixUp=_mixing,
    RandomAffine=_affine,
    DefaultFormatBundle=_format,
    ImageToTensor=_format,
    ToTensor=_format,
    Collect=_collect,
)


def migrate_transform(kind: str, old: Section, pipeline: Pipeline) -> Transforms:
    """Returns the new transforms of an old one; what it says to others goes into `pipeline`.

    Args:
        kind: its old `type`.
        old: its arguments; those that nothing takes stay there.
        pipeline: the pipeline that it is in.
    """
    return _RULES.get(kind, _same)(kind, old, pipeline)
