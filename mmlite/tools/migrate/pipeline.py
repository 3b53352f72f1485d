"""Pipelines: an old list of transforms becomes one, or two, in 3.x's spelling.

MultiScaleFlipAug, which wrapped every test pipeline, is no more: a test pipeline is flat, and
tests in several versions have a `tta_pipeline` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmlite.tools.migrate.notes import Notes, Section
from mmlite.tools.migrate.transforms import (
    TTA_META_KEYS,
    Pipeline,
    Transforms,
    listed_scales,
    migrate_transform,
)

# may come after Normalize, and before it just as well
_AFTER_NORMALIZE = (
    *('RandomFlip', 'Pad', 'DefaultFormatBundle', 'ImageToTensor', 'ToTensor', 'Collect'),
)


def migrate_pipeline(old: Sequence[Mapping], path: str, test: bool, notes: Notes) -> Pipeline:
    """Returns the new pipeline and what became of its parts.

    Args:
        old: the old list of transforms.
        path: of the list in the old config.
        test: whether it is one of val or test data.
        notes: where changes go.
    """
    pipeline = Pipeline(test)
    _add_transforms(pipeline, old, path, notes)
    return pipeline


def _add_transforms(pipeline: Pipeline, old: Sequence[Mapping], path: str, notes: Notes) -> None:
    kinds = [transform.get('type') for transform in old]
    if 'Normalize' in kinds:
        late = [
            kind for kind in kinds[kinds.index('Normalize') + 1 :] if kind not in _AFTER_NORMALIZE
        ]
        for kind in late:
            notes.not_mapped(f'{path}.{kind}', kind, 'it saw normalised pixels, now it sees 0-255')
    for transform in old:
        kind = transform.get('type')
        section = Section(transform, f'{path}.{kind}', notes)
        section.take('type')
        if kind == 'MultiScaleFlipAug':
            pipeline.transforms += _multi_scale_flip(section, pipeline)
        elif kind == 'AutoAugment':
            pipeline.transforms.append(_auto_augment(section, pipeline))
        else:
            pipeline.transforms += migrate_transform(kind, section, pipeline)
        section.close(f'{kind} takes no such argument')


def _multi_scale_flip(old: Section, pipeline: Pipeline) -> Transforms:
    """Its first scale, not mirrored, is the test pipeline; all of its versions are TTA's."""
    factor = old.take('scale_factor')
    factors = factor if isinstance(factor, (list, tuple)) else [factor]
    scales = [dict(scale_factor=one) for one in factors]
    if old.get('img_scale') is not None:
        scales = [dict(scale=one) for one in listed_scales(old.take('img_scale'))]
    flip = old.take('flip', False)
    directions = old.take('flip_direction', 'horizontal')
    directions = [directions] if isinstance(directions, str) else list(directions)
    inner = Pipeline(test=True, scale=scales[0])
    _add_transforms(inner, old.take('transforms'), old.path, old.notes)
    pipeline.norm, pipeline.pad = inner.norm, inner.pad
    old.notes.changed(old.path, 'its transforms in a row', 'a test pipeline is flat')
    if flip or len(scales) > 1:
        flips = [dict(type='RandomFlip', prob=1.0, direction=d) for d in directions] if flip else []
        versions = _versions(inner.transforms, scales, [*flips, dict(type='RandomFlip', prob=0.0)])
        pipeline.tta = [*pipeline.transforms, dict(type='TestTimeAug', transforms=versions)]
        old.notes.changed(
            f'{old.path}: flip, img_scale', 'tta_pipeline, tta_model', 'asked for by test.py --tta'
        )
    return inner.transforms


def _auto_augment(old: Section, pipeline: Pipeline) -> dict:
    """Each of its policies is a pipeline of its own."""
    policies = []
    for i, policy in enumerate(old.take('policies', ())):
        inner = Pipeline(pipeline.test)
        _add_transforms(inner, policy, f'{old.path}.policies[{i}]', old.notes)
        policies.append(inner.transforms)
    return dict(type='AutoAugment', policies=policies)


def _versions(transforms: Transforms, scales: Transforms, flips: Transforms) -> list[Transforms]:
    """TestTimeAug's lists: every combination of one from each is a version."""
    versions = []
    for transform in transforms:
        if transform['type'] == 'Resize':
            fixed = {key: v for key, v in transform.items() if key not in ('scale', 'scale_factor')}
            versions.append([{**fixed, **scale} for scale in scales])
        elif transform['type'] == 'PackDetInputs':
            extra = [key for key in transform['meta_keys'] if key not in TTA_META_KEYS]
            versions.append([dict(type='PackDetInputs', meta_keys=(*TTA_META_KEYS, *extra))])
        elif transform['type'] == 'LoadAnnotations':  # the last before PackDetInputs
            versions += [flips, [transform]]
        else:
            versions.append([transform])
    return versions
