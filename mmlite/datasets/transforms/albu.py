"""Albu: any transform of albumentations, an extra that is installed when wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms.resize_flip_pad import BOX_KEYS, set_image
from mmlite.errors import ConfigError, did_you_mean
from mmlite.extras import needed
from mmlite.registry import TRANSFORMS

_BOX_PARAMS = ('min_area', 'min_visibility', 'min_width', 'min_height')
# what mmdet's configs say about its own data structures; here it changes nothing
_INERT_BOX_PARAMS = ('type', 'format', 'label_fields', 'filter_lost_elements')


@TRANSFORMS.register_module()
class Albu:
    """Runs transforms of albumentations on `img` (BGR, as it is) and the boxes that are loaded.

    Needs `pip install 'mmlite[albu]'`. Their randomness is seeded from numpy's generator, so that a
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
        ConfigError: albumentations is not installed, or knows no such transform or argument.
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
        if params.get('format', 'pascal_voc') != 'pascal_voc':
            raise ConfigError(
                f"Albu.bbox_params.format: boxes are xyxy, 'pascal_voc'; found {params['format']!r}"
            )
        self.skip_img_without_anno = skip_img_without_anno
        self.compose = albumentations.Compose(
            [_build(albumentations, transform) for transform in transforms],
            bbox_params=albumentations.BboxParams(
                format='pascal_voc',
                label_fields=['origins'],
                **{key: params[key] for key in _BOX_PARAMS if key in params},
            ),
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


def _build(albumentations: Any, cfg: dict) -> Any:
    args = dict(cfg)
    kind = args.pop('type', None)
    cls = getattr(albumentations, kind, None) if isinstance(kind, str) else kind
    if cls is None:
        raise ConfigError(
            f"Albu.transforms: albumentations has no '{kind}'."
            f'{did_you_mean(str(kind), dir(albumentations))}'
        )
    if 'transforms' in args:
        args['transforms'] = [_build(albumentations, inner) for inner in args['transforms']]
    try:
        return cls(**args)
    except (TypeError, ValueError) as error:
        raise ConfigError(f'Albu.transforms: {kind}: {error}') from error
