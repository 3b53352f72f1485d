"""What is to be said about annotated pictures: what they are, and what is odd about them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from mmlite.support.words import counted, first_of
from mmlite.tools.dataset_analysis.splits import Split

_RARE = 10  # objects of a class in training
_TINY = 0.02  # of the picture's longer side
_MANY_SIZES = 3
_CLASSES_SHOWN = 12


def figures(splits: Sequence[Split]) -> list[str]:
    """Returns the lines about images, boxes and their sizes."""
    counts = {name: count for name, count in _counts(splits).items() if count}
    boxes = sum(counts.values())
    pictures = sum(len(split.files) for split in splits)
    each = first_of([f'{name} {count}' for name, count in counts.items()], _CLASSES_SHOWN)
    sides = np.concatenate([_sides(split) for split in splits])
    lines = [
        f'{counted(pictures, "picture")} {_size_words(splits)}, {counted(boxes, "box")} of '
        f'{counted(len(counts), "class")}: {each}'
    ]
    if len(sides):
        low, middle, high = np.quantile(sides, (0.1, 0.5, 0.9))
        most = max(np.bincount(_kept(split), minlength=1).max() for split in splits)
        lines.append(
            f'objects: half of them are under {middle:.0f} px, one in ten under {low:.0f}, one in '
            f'ten over {high:.0f}; at most {most} in a picture'
        )
    return lines


def oddities(splits: Sequence[Split]) -> list[str]:
    """Returns a sentence for each thing that is odd; splits with one list of classes."""
    return [
        *_alike_names(_counts(splits)),
        *_rare_classes(splits),
        *_classes_of_one_part(splits),
        *_tiny_objects(splits),
        *_faulty_boxes(splits),
        *_empty_pictures(splits),
        *(
            f'{counted(len(split.bad), "picture")} that cannot be read: {_first(split.bad)}'
            for split in _bad(splits)
        ),
    ]


def _bad(splits: Sequence[Split]) -> list[Split]:
    return [split for split in splits if split.bad]


def _first(bad: Mapping[str, str]) -> str:
    return next(iter(bad.values()))


def _kept(split: Split) -> np.ndarray:
    """The image of each box that is to be found."""
    return split.image[~split.ignored]


def _sides(split: Split) -> np.ndarray:
    """(g,) geometric mean of width and height in pixels of the boxes that have an area."""
    sides = (split.bboxes[:, 2:] - split.bboxes[:, :2])[~split.ignored]
    return np.sqrt(sides[(sides > 0).all(axis=1)].prod(axis=1))


def _counts(splits: Sequence[Split]) -> dict[str, int]:
    """Objects by class name, most first."""
    found: Counter[str] = Counter()
    for split in splits:
        numbers = np.bincount(split.labels[~split.ignored], minlength=len(split.classes) + 1)
        found.update(dict(zip(split.classes, numbers[1:].tolist(), strict=True)))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _size_words(splits: Sequence[Split]) -> str:
    sizes = Counter(map(tuple, np.concatenate([split.sizes for split in splits]).tolist()))
    if len(sizes) <= _MANY_SIZES:
        return 'of ' + ', '.join(f'{w}x{h}' for (w, h), _ in sizes.most_common())
    areas = {size: size[0] * size[1] for size in sizes if min(size) > 0}
    small, large = min(areas, key=areas.get), max(areas, key=areas.get)
    return f'of {len(sizes)} sizes from {small[0]}x{small[1]} to {large[0]}x{large[1]}'


def _alike_names(counts: Mapping[str, int]) -> list[str]:
    by_key = defaultdict(list)
    for name in counts:
        by_key[_plain(name)].append(name)
    return [
        'class names that look like one: '
        + ' and '.join(f"'{name}' ({counts[name]})" for name in names)
        + '; if they are, write them alike in the annotations'
        for names in by_key.values()
        if len(names) > 1
    ]


def _plain(name: str) -> str:
    """A name without case, spaces and the s of a plural."""
    plain = re.sub(r'[\s_\-]+', '', name.casefold())
    return plain[:-1] if len(plain) > 3 and plain.endswith('s') else plain


def _rare_classes(splits: Sequence[Split]) -> list[str]:
    train = [split for split in splits if split.name == 'train'] or list(splits[:1])
    rare = {name: count for name, count in _counts(train).items() if 0 < count < _RARE}
    shown = first_of([f'{name} {count}' for name, count in rare.items()])
    return [f'fewer than {_RARE} objects to learn from: {shown}'] if rare else []


def _classes_of_one_part(splits: Sequence[Split]) -> list[str]:
    if len(splits) < 2:
        return []
    there = {split.name: {n for n, c in _counts([split]).items() if c} for split in splits}
    lines = []
    for part, names in there.items():
        others = set().union(*(found for name, found in there.items() if name != part))
        own = sorted(names - others)
        if own:
            what = 'cannot be learnt' if part != 'train' else 'cannot be measured'
            lines.append(f'only in {part}, so that they {what}: {first_of(own)}')
    return lines


def _tiny_objects(splits: Sequence[Split]) -> list[str]:
    shares = []
    for split in splits:
        sides = split.bboxes[:, 2:] - split.bboxes[:, :2]
        longer = np.maximum(split.sizes.max(axis=1), 1)[split.image]
        shares.append(
            np.sqrt(np.maximum(sides, 0).prod(axis=1))[~split.ignored] / longer[~split.ignored]
        )
    tiny = np.concatenate(shares) < _TINY
    if not tiny.sum() or tiny.mean() < 0.05:
        return []
    return [
        f'{tiny.mean():.0%} of the objects are tiny: under {_TINY:.0%} of the longer side of their '
        'picture'
    ]


def _faulty_boxes(splits: Sequence[Split]) -> list[str]:
    flat = beyond = 0
    for split in splits:
        boxes, sizes = split.bboxes, split.sizes[split.image]
        flat += int((boxes[:, 2:] <= boxes[:, :2]).any(axis=1).sum())
        outside = (boxes[:, :2] < -1.5) | (boxes[:, 2:] > sizes + 1.5)
        beyond += int((outside.any(axis=1) & (sizes > 0).all(axis=1)).sum())
    lines = []
    if flat:
        lines.append(f'{counted(flat, "box")} without an area: left out of a training')
    if beyond:
        lines.append(f'{counted(beyond, "box")} beyond the picture: cut off in a training')
    return lines


def _empty_pictures(splits: Sequence[Split]) -> list[str]:
    empty = sum(len(split.files) - len(np.unique(split.image)) for split in splits)
    if not empty:
        return []
    return [
        f'{counted(empty, "picture")} without an object: left out of a training (filter_cfg), and '
        'what a validation finds there is a mistake'
    ]
