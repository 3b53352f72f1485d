"""Albu: any transform of albumentations, an extra that is installed when wanted.

albumentationsx, its successor under another licence, is imported by the same name and serves too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_image
from mmlite.errors import ConfigError, did_you_mean
from mmlite.registry import TRANSFORMS
from mmlite.support.extras import needed

_BOX_PARAMS = ('min_area', 'min_visibility', 'min_width', 'min_height')
# what mmdet's configs say about its own data structures; here it changes nothing
_FORMATS = ('format', 'coord_format')  # of albumentations, and of albumentationsx
_INERT_BOX_PARAMS = ('type', *_FORMATS, 'label_fields', 'filter_lost_elements')


@TRANSFORMS.register_module()
class Albu:
    """Runs transforms of albumentations on `img` (BGR, as it is) and the boxes that are loaded.

    Needs `pip install 'mmlite[albu]'`; albumentationsx serves as well. An argument that the
    installed version does not take is refused: albumentations itself warns, and uses its default.
    Their randomness is seeded from numpy's generator, so that a
    sample depends on (seed, epoch, position) as it does everywhere.

    Args:
        transforms: dicts with albumentations' class name as `type` and its arguments; those that
            take transforms themselves (OneOf, Sequential, ...) have them under `transforms`.
        bbox_params: dict of `min_area`, `min_visibility`, `min_width`, `min_height`: boxes below
            are dropped. mmdet's `type`, `format`, `label_fields` and `filter_lost_elements` are
            read and change nothing: boxes are xyxy, and labels follow them.
        keymap: None; mmdet's names of its keys change nothing.
        skip_img_without_anno: None in place of a sample that has no box left.

    Raises:
        ConfigError: albumentations is not installed, or has no such transform or argument.
    """

    def __init__(
        self,
        transforms: Sequence[dict],
        bbox_params: Mapping[str, Any] | None = None,
        keymap: Mapping[str, str] | None = None,
        skip_img_without_anno: bool = False,
    ) -> None:
        albumentations = needed('albumentations', 'Albu', "'mmlite[albu]'")
        params = dict(bbox_params or {})
        for key in params:
            if key not in (*_BOX_PARAMS, *_INERT_BOX_PARAMS):
                raise ConfigError(
                    f"Albu.bbox_params: no key '{key}'.{did_you_mean(key, _BOX_PARAMS)} "
                    f'Known: {", ".join(_BOX_PARAMS)}.'
                )
            if key in _FORMATS and params[key] != 'pascal_voc':
                raise ConfigError(
                    f"Albu.bbox_params.{key}: boxes are xyxy, 'pascal_voc'; found {params[key]!r}"
                )
        self.skip_img_without_anno = skip_img_without_anno
        self.compose = _compose(
            albumentations,
            [
                _build(albumentations, transform, f'Albu.transforms[{i}]')
                for i, transform in enumerate(transforms)
            ],
            {key: params[key] for key in _BOX_PARAMS if key in params},
        )

    def __call__(self, results: dict[str, Any]) -> dict[str, Any] | None:
        keys = [key for key in BOX_KEYS if key in results]
        bboxes = np.concatenate([np.zeros((0, 4), np.float32), *(results[key] for key in keys)])
        self.compose.set_random_seed(int(np.random.randint(2**31)))
        out = self.compose(image=results['img'], bboxes=bboxes, origins=np.arange(len(bboxes)))
        set_image(results, np.ascontiguousarray(out['image']))
        kept = np.array(out['origins'], np.int64)
        moved = np.array(out['bboxes'], np.float32).reshape(-1, 4)
        start = 0
        for key in keys:
            count = len(results[key])
            mine = (kept >= start) & (kept < start + count)
            if key == 'gt_bboxes' and 'gt_labels' in results:
                results['gt_labels'] = results['gt_labels'][kept[mine] - start]
            results[key] = moved[mine]
            start += count
        if self.skip_img_without_anno and not len(results.get('gt_bboxes', [0])):
            return None
        return results


def _compose(albumentations: Any, transforms: list, box_params: dict) -> Callable:
    name = next(name for name in _FORMATS if name in _arguments(albumentations.BboxParams))
    box_params = {name: 'pascal_voc', 'label_fields': ['origins'], **box_params}
    args = dict(bbox_params=albumentations.BboxParams(**box_params))
    if 'telemetry' in _arguments(albumentations.Compose):
        args['telemetry'] = False  # albumentationsx would report what it runs to its makers
    return albumentations.Compose(transforms, **args)


def _build(albumentations: Any, cfg: dict, path: str) -> Any:
    args = dict(cfg)
    kind = args.pop('type', None)
    cls = getattr(albumentations, kind, None) if isinstance(kind, str) else kind
    if cls is None:
        raise ConfigError(
            f"{path}: albumentations has no '{kind}'.{did_you_mean(str(kind), dir(albumentations))}"
        )
    name = getattr(cls, '__name__', kind)
    args = _known_arguments(cls, args, f'{path}: {name}')
    if 'transforms' in args:
        args['transforms'] = [
            _build(albumentations, inner, f'{path}.transforms[{i}]')
            for i, inner in enumerate(args['transforms'])
        ]
    try:
        return cls(**args)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{path}: {name}: {error}') from error


def _known_arguments(cls: Callable, args: dict, path: str) -> dict:
    """Returns the arguments, all of which `cls` takes.

    `always_apply`, which 2.0 has removed, is said by `p` there.

    Raises:
        ConfigError: an argument that it would pass over with a warning.
    """
    known = _arguments(cls)
    if not known:
        return args
    if 'always_apply' not in known and 'always_apply' in args:
        args = dict(args)
        if args.pop('always_apply'):
            args['p'] = 1.0
    for key in args:
        if key not in known:
            raise ConfigError(
                f"{path} takes no argument '{key}' in the installed version."
                f'{did_you_mean(key, known)} It takes: {", ".join(known)}.'
            )
    return args


def _arguments(cls: Callable) -> list[str]:
    """Returns the names of what `cls(...)` takes; none where that is not known."""
    # albumentations checks against this class, if there is one, and wraps the signature
    schema = getattr(getattr(cls, 'InitSchema', None), 'model_fields', {})
    parameters = inspect.signature(cls).parameters.values()
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if not schema and any(p.kind is p.VAR_KEYWORD for p in parameters):
        return []
    return list(dict.fromkeys([*named, *(key for key in schema if key != 'strict')]))
