"""The hops of one sample: its record, and every transform by itself (rows 2 to 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.loader import kept_random_state, seed_sample
from mmlite.datasets.single_transforms import (
    PlacedTransform,
    picture_of,
    run_transforms,
    transforms_of,
)
from mmlite.datasets.transforms.window import Window, takes_window
from mmlite.parallel import unwrapped
from mmlite.tools.explain.hop import Hop, describe
from mmlite.tools.explain.places import called, place
from mmlite.visualization import draw_ground_truth
from mmlite.visualization.pictures import enlarged

_FORMATTING = ('DefaultFormatBundle', 'Collect', 'PackDetInputs')
_BOXES = ('gt_bboxes', 'gt_labels', 'gt_bboxes_ignore')

SourceOf = Callable[[str], str]  # config path -> the file and line that set it, '' if unknown


def dataset_hop(dataset: Any, i: int, at: str) -> Hop:
    """Row 2: what the data set holds, and the record of sample i."""
    leaf, inner, _ = transforms_of(dataset, i, at)
    info = leaf.get_data_info(inner)
    who = [f'{type(leaf).__name__}.load_records  {place(type(leaf).load_records)}']
    if leaf is not dataset:
        who.insert(0, f'{type(dataset).__name__}  {place(type(dataset))}')
    hop = Hop('2', 'The data set: records from the annotation files', who)
    hop.values = [describe(key, value) for key, value in info.items() if key != 'ann']
    units = dict(bboxes='xyxy, pixels of the file', labels='1..C')
    for key, value in info['ann'].items():
        hop.values.append(describe(f'ann.{key}', value, units.get(key.removesuffix('_ignore'), '')))
    hop.notes = [
        f'{len(dataset)} samples; classes 1..{len(dataset.classes)}: {", ".join(dataset.classes)}; '
        'label 0 is the background, -1 is ignored',
        f'sample {i} is image {inner} of {leaf.title}: {leaf.filename(inner)}',
        *getattr(leaf, 'notes', ()),
    ]
    return hop


def transform_hops(
    dataset: Any, i: int, seed: int, at: str, origin: SourceOf, sample: Mapping[str, Any] | None
) -> list[Hop]:
    """Rows 3 and 4: the dict `results` after every transform, each run by itself.

    Args:
        dataset, i: where the sample is from.
        seed: of its randomness.
        at: config path of the data set.
        origin: finds the line of a config path.
        sample: what the run made of it, all transforms together, to compare with.
    """
    leaf, index, transforms = transforms_of(dataset, i, at)
    hops: list[Hop] = []
    with kept_random_state():
        seed_sample(seed)
        results: dict[str, Any] | None = leaf.get_data_info(index)
        made = zip(
            transforms, run_transforms(results, transforms), strict=False
        )  # it ends where one drops it
        for number, ((path, transform), after) in enumerate(made, 1):
            before, results = results, after
            hops.append(_transform_hop(number, path, transform, before, results, origin))
            hops[-1].pictures = _pictures(results, dataset.classes)
            if results is None:
                hops[-1].notes.append('it returned None: another image is drawn in its place')
                return hops
    if hops:
        hops[-1].notes += [*_fused(transforms), *_compared(results, sample)]
    return hops


def _transform_hop(
    number: int,
    path: str,
    transform: Any,
    before: Mapping[str, Any],
    after: Mapping[str, Any] | None,
    origin: SourceOf,
) -> Hop:
    inner = getattr(transform, 'transform', transform)  # of one that mixes samples
    name = type(inner).__name__
    row = '4' if name in _FORMATTING else '3'
    line = origin(f'{path}.type')
    who = [called(inner), *([f'asked for by {path}  {line}'] if line else [])]
    hop = Hop(f'{row}.{number}', f'{name}', who)
    after = after or {}
    colours = _colours(after)
    for key, value in after.items():
        if key not in before or _differs(before[key], value):
            hop.values.append(describe(key, value, colours=colours if key == 'img' else ''))
    if isinstance(unwrapped(after.get('img_metas')), Mapping) and 'img_metas' not in before:
        metas = unwrapped(after['img_metas'])
        hop.values += [describe(f'img_metas.{key}', v) for key, v in metas.items()]
    gone = [key for key in before if key not in after]
    if after and gone:
        hop.notes.append(f'left behind: {", ".join(gone)}')
    if not hop.values and after:
        hop.notes.append('nothing changed: it drew not to, or had nothing to do')
    return hop


def _differs(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return True
    if isinstance(one, np.ndarray):
        return one is not other and not (one.shape == other.shape and np.array_equal(one, other))
    if isinstance(one, Mapping):
        return one is not other
    return one is not other and one != other


def _colours(results: Mapping[str, Any]) -> str:
    metas = unwrapped(results.get('img_metas')) or results
    return 'RGB' if (metas.get('img_norm_cfg') or {}).get('to_rgb') else 'BGR'


def _pictures(
    results: Mapping[str, Any] | None, classes: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    img = picture_of(results or {})
    if img is None:
        return []
    bboxes, labels = (unwrapped(results.get(key)) for key in _BOXES[:2])
    if bboxes is None or labels is None:
        return [('img', img)]
    img, zoom = enlarged(img, least=400)
    drawn = draw_ground_truth(img, np.asarray(bboxes) * zoom, labels, classes)
    return [('img with gt_bboxes', drawn)]


def _fused(transforms: Sequence[PlacedTransform]) -> Iterator[str]:
    """Says which transforms hand a Window along in a run, where here each one makes pixels."""
    row: list[str] = []
    for number, (_, transform) in enumerate([*transforms, ('', None)], 1):
        if takes_window(transform):
            row.append(f'{number} {type(transform).__name__}')
            continue
        if len(row) > 1:
            yield (
                f'in a run, {", ".join(row)} are fused: they hand a picture along that is yet to '
                f'be made, and its pixels are made once, at the end of the row  {place(Window)}'
            )
        row = []


def _compared(step_by_step: Mapping[str, Any], sample: Mapping[str, Any] | None) -> Iterator[str]:
    """Compares what came out here with the sample of the run."""
    here, there = (unwrapped((part or {}).get('img')) for part in (step_by_step, sample))
    if here is None or there is None:
        return
    if here.shape != there.shape:
        yield f'in the run img has the shape {tuple(there.shape)}: another image was taken'
        return
    difference = (here.float() - there.float()).abs()
    yield (
        f'compared with the same sample as the run makes it: img differs by {difference.max():.3g} '
        f'at most and {difference.mean():.2g} on average'
    )
