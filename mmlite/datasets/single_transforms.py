"""The transforms of a data set one by one, for tools that show what each of them does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.transforms import Compose, inverse_transform
from mmlite.datasets.transforms.normalize import denormalize_image
from mmlite.parallel import unwrapped

PlacedTransform = tuple[str, Any]  # config path, transform


def transforms_of(dataset: Any, i: int, at: str = '') -> tuple[Any, int, list[PlacedTransform]]:
    """Returns the data set that reads sample i, its index in there, and all transforms in order.

    Args:
        dataset: a data set or a wrapper of some.
        i: index in it.
        at: its config path.
    """
    transforms = getattr(getattr(dataset, 'pipeline', None), 'transforms', [])
    own = [(f'{at}.pipeline.{n}', transform) for n, transform in enumerate(transforms)]
    if not hasattr(dataset, 'locate'):
        return dataset, i, own
    inner, index = dataset.locate(i)
    parts = getattr(dataset, 'datasets', None)
    place_in = f'datasets.{parts.index(inner)}' if parts else 'dataset'
    leaf, index, before = transforms_of(inner, index, f'{at}.{place_in}')
    return leaf, index, before + own


def run_transforms(
    results: dict[str, Any], transforms: Sequence[PlacedTransform]
) -> Iterator[dict[str, Any] | None]:
    """Yields what each transform makes of a record, run by itself; None, the last, if it drops it.

    Transforms that `Compose` joins make each its own pixels here; rounding may differ by a grey
    level.
    """
    for _, transform in transforms:
        # a transform changes the dict, never the arrays in it
        outcome = Compose([transform])(dict(results))
        yield outcome
        if outcome is None:
            return
        results = outcome


def picture_of(results: Mapping[str, Any]) -> np.ndarray | None:
    """Returns the picture in a `results` dict, padding included; None where it has none.

    Returns:
        (h, w, 3) BGR uint8, whatever the pipeline has made of it so far.
    """
    img = unwrapped(results.get('img'))
    if img is None:
        return None
    metas = unwrapped(results.get('img_metas')) or results
    norm = metas.get('img_norm_cfg')
    if not isinstance(img, np.ndarray):
        return inverse_transform(img, dict(img_norm_cfg=norm) if norm else None)
    if norm:
        img = denormalize_image(img, **norm)
    return np.ascontiguousarray(np.clip(img, 0, 255).round().astype(np.uint8))
