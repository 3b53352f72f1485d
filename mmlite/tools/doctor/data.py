"""Checks of the data sets as annotated, before any pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mmlite.datasets.bad_items import leaves
from mmlite.tools.dataset_analysis.copies import find_copies
from mmlite.tools.dataset_analysis.lists import copies_text, lists_of, what_to_remove
from mmlite.tools.doctor.context import MANY, Context
from mmlite.tools.doctor.finding import Finding, error, ok, percent, warning

_SHOWN = 5  # names in a message
_OFF = 0.05  # share of boxes that is no accident any more
_BEYOND = 2.0  # pixels: some count from 1, some to the last pixel inclusive


class Truth(NamedTuple):
    """Annotations of several images: G boxes, ignored ones too.

    `bboxes` (G, 4) xyxy as annotated, `labels` (G,), `sizes` (G, 2) the (w, h) of each box's image,
    0 where unknown.
    """

    bboxes: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray


def truth(dataset: Any, inds: Iterable[int]) -> Truth:
    """Gathers the annotations of these images."""
    bboxes, labels, sizes = [np.zeros((0, 4))], [np.zeros(0, np.int64)], [np.zeros((0, 2))]
    for i in inds:
        ann, info = dataset.get_ann_info(i), dataset.get_data_info(i)
        for suffix in ('', '_ignore'):
            bboxes.append(ann[f'bboxes{suffix}'])
            labels.append(ann[f'labels{suffix}'])
            sizes.append(np.full((len(labels[-1]), 2), (info['width'], info['height'])))
    return Truth(np.concatenate(bboxes), np.concatenate(labels), np.concatenate(sizes))


def splits_of(context: Context) -> dict[str, Any]:
    """Returns the data sets by the name of their split, each once."""
    named = dict(train=context.train, val=context.val, test=context.test)
    different = {id(dataset): name for name, dataset in reversed(named.items())}
    return {
        name: dataset
        for name, dataset in named.items()
        if dataset is not None and different[id(dataset)] == name
    }


def classes(context: Context) -> list[Finding]:
    """The classes of all splits, their labels and their numbers of objects."""
    findings, counts = [], {}
    trained = context.train.classes
    for name, dataset in splits_of(context).items():
        if dataset.classes != trained:
            how = 'in another order' if sorted(dataset.classes) == sorted(trained) else 'others'
            findings.append(
                error(
                    f'the classes of {name} are {how}: {dataset.classes}, in training {trained}',
                    'one list for all data sets: label c is the class of place c in it',
                )
            )
        labels = truth(dataset, context.looked_at(dataset)).labels
        if len(labels) and not 1 <= labels.min() <= labels.max() <= len(dataset.classes):
            findings.append(
                error(
                    f'labels of {name} are {labels.min()} to {labels.max()}; '
                    f'1 to {len(dataset.classes)} are expected, 0 is the background',
                    'load_records() of the data set: label = index of the class + 1',
                )
            )
        counts[name] = dataset.category_counts()
        findings += _absent(name, dataset, counts[name])
    lines = [f'{name}: {_listed(count)}' for name, count in counts.items()]
    return findings or [ok('\n'.join(lines))]


def _absent(name: str, dataset: Any, counts: dict[str, int]) -> list[Finding]:
    absent = [cls for cls, count in counts.items() if not count]
    if not absent:
        return []
    others = {
        cls: count
        for leaf in leaves(dataset)
        for cls, count in leaf.names_found.items()
        if cls not in counts
    }
    found = f' Objects of other classes there: {_listed(others)}.' if others else ''
    more = f' and {len(absent) - _SHOWN} more' if len(absent) > _SHOWN else ''
    evidence = f'{name} has no objects of {", ".join(absent[:_SHOWN])}{more}.'
    change = 'the spelling of the class, or leave it out (and out of num_classes)'
    return [warning(evidence + found, change)]


def _listed(counts: dict[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: -item[1])[: 2 * _SHOWN]
    more = f' and {len(counts) - len(most)} more' if len(counts) > len(most) else ''
    return ', '.join(f'{name} {count}' for name, count in most) + more


def annotations(context: Context) -> list[Finding]:
    """Boxes of impossible form say that their four numbers mean something else."""
    findings, lines = [], []
    for name, dataset in splits_of(context).items():
        lines += [
            f'{name}: {leaf.title}: {text}'
            for leaf in leaves(dataset)
            for text in leaf.read_as
            if text not in leaf.warnings
        ]
        for leaf in leaves(dataset):
            change = 'the annotations, where this is not meant'
            findings += [warning(f'{name}: {leaf.title}: {text}', change) for text in leaf.warnings]
        inds = context.looked_at(dataset)
        bboxes, _, sizes = truth(dataset, inds)
        inverted = sum(_inverted(leaf) for leaf in leaves(dataset))
        all_boxes = sum(sum(leaf.category_counts().values()) for leaf in leaves(dataset)) + inverted
        if inverted > _OFF * all_boxes:
            findings.append(
                error(
                    f'{name}: {percent(inverted, all_boxes)} boxes have xmax < xmin or ymax < ymin',
                    'are they x, y, width, height? xmin, ymin, xmax, ymax are expected',
                )
            )
        known = (sizes > 0).all(axis=1)
        beyond = int((known & (bboxes[:, 2:] > sizes + _BEYOND).any(axis=1)).sum())
        if beyond > _OFF * len(bboxes):
            findings.append(
                error(
                    f'{name}: {percent(beyond, len(bboxes))} boxes reach beyond their image',
                    'are they xmin, ymin, xmax, ymax, read as x, y, width, height? or of images '
                    'of another size?',
                )
            )
        flat = int((bboxes[:, 2:] <= bboxes[:, :2]).any(axis=1).sum())
        if flat > _OFF * len(bboxes):
            evidence = f'{name}: {percent(flat, len(bboxes))} boxes have no width or height'
            findings.append(error(evidence, 'coordinates from 0 to 1? pixels are expected'))
        lines.append(f'{name}: {len(bboxes)} boxes in {len(inds)} images, {_sides(bboxes)}')
    return [*findings, ok('\n'.join(lines))]


def _inverted(leaf: Any) -> int:
    """What the data set left out itself, by its notes: none of it is among its boxes."""
    counts = [re.match(r'(\d+) boxes with xmax < xmin', note) for note in leaf.notes]
    return sum(int(count[1]) for count in counts if count)


def _sides(bboxes: np.ndarray) -> str:
    sides = np.sqrt(np.clip(bboxes[:, 2:] - bboxes[:, :2], 0, None).prod(axis=1))
    if not len(sides):
        return 'none'
    low, middle, high = np.percentile(sides, [5, 50, 95])
    return f'{low:.0f} to {high:.0f} px large (5% to 95%), half of them up to {middle:.0f} px'


def splits(context: Context) -> list[Finding]:
    """Pictures that are trained on and tested on, and those that a list has twice."""
    sets = splits_of(context)
    if len(sets) == 1:
        return [warning('there is no validation', 'val_dataloader, val_cfg and val_evaluator')]
    parts = {name: _files(dataset) for name, dataset in sets.items()}
    count = sum(map(len, parts.values()))
    by_pixels = context.full or count <= MANY
    copies = find_copies(parts, by_pixels)
    lists = {name: lists_of(dataset) for name, dataset in sets.items()}
    lines = '\n'.join(what_to_remove(copies, lists))
    text = copies_text(copies)
    if not by_pixels:
        text += f' Paths of {count} images were compared; --full compares the pictures.'
    if copies.leaks:
        change = 'the lines that are named: figures of learnt images say nothing'
        return [error(f'{text}\n{lines}', change)]
    if any(copies.within.values()):
        return [warning(f'{text}\n{lines}', 'the lines that are named: each would count twice')]
    sizes = ', '.join(f'{len(files)} of {name}' for name, files in parts.items())
    return [ok(f'{text} Compared: {sizes}')]


def _files(dataset: Any) -> list[str]:
    """The images of the data sets inside, each as often as their lists have it."""
    inside = leaves(dataset) or [dataset]
    return [
        leaf.filename(i)
        for leaf in inside
        for i in range(len(leaf))
        if leaf.filename(i) not in getattr(leaf, 'bad_items', ())
    ]
