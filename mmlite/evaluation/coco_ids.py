"""The ids that images and categories have in the annotation files, seen through wrappers.

A results file needs them, and among equal scores COCO's metric goes by the order of the image ids.
Data sets whose files have no ids get the index of the image and the label instead.
"""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from mmengine.logging import print_log

from mmlite.errors import ConfigError
from mmlite.evaluation.detections import FlatDetections
from mmlite.support.files import write_text


def locate(dataset: Any, i: int) -> tuple[Any, int]:
    """Returns the data set inside all wrappers that image i comes from, and its index in there."""
    while hasattr(dataset, 'locate'):
        dataset, i = dataset.locate(i)
    return dataset, i


def image_id(dataset: Any, i: int) -> Any:
    """Returns the id that the file gives image i; i where the file has none."""
    inner, index = locate(dataset, i)
    return inner.image_id(index) if hasattr(inner, 'image_id') else i


def category_id(dataset: Any, i: int, label: int) -> Any:
    """Returns the id that the file of image i gives a label 1..C; None for a class it lacks."""
    inner, _ = locate(dataset, i)
    return inner.category_id(label) if hasattr(inner, 'category_id') else label


def image_ranks(dataset: Any) -> list[int]:
    """Returns the place of each image of the data set in the order of the ids.

    Where images share an id, as those of two files may, the files come one after the other.
    """
    places = [locate(dataset, i) for i in range(len(dataset))]
    ids = [image_id(dataset, i) for i in range(len(dataset))]
    if len(set(ids)) == len(ids):
        numbers = dict.fromkeys((id(inner) for inner, _ in places), 0)
    else:
        numbers = {}
        for inner, _ in places:
            numbers.setdefault(id(inner), len(numbers))
    keys = [
        (numbers[id(inner)], isinstance(own, str), own)
        for (inner, _), own in zip(places, ids, strict=True)
    ]
    ranks = [0] * len(keys)
    for rank, i in enumerate(sorted(range(len(keys)), key=keys.__getitem__)):
        ranks[i] = rank
    return ranks


def check_ids(dataset: Any, user: str) -> None:
    """Refuses a data set in a results file whose images or classes could not be distinguished.

    Args:
        dataset: the data set, of one file or of several.
        user: the argument that asks for the file, as the message begins.

    Raises:
        ConfigError: two images share an id, or two files give a class different ids.
    """
    seen: dict[Any, int] = {}
    firsts: dict[int, int] = {}  # the first image of each data set inside
    for i in range(len(dataset)):
        own = image_id(dataset, i)
        firsts.setdefault(id(locate(dataset, i)[0]), i)
        if seen.setdefault(own, i) != i:
            raise ConfigError(
                f"{user}: image_id {own!r} is that of two images, '{dataset.filename(seen[own])}' "
                f"and '{dataset.filename(i)}': a results file cannot tell them apart. Write one "
                'for each annotation file, and repeat no image'
            )
    labels: dict[Any, int] = {}
    ids: dict[int, Any] = {}
    classes = dataset.metainfo['classes']
    for i in firsts.values():
        for label, name in enumerate(classes, 1):
            own = category_id(dataset, i, label)
            if own is None:
                continue
            if ids.setdefault(label, own) != own or labels.setdefault(own, label) != label:
                other = ids[label] if ids[label] != own else f'that of {classes[labels[own] - 1]!r}'
                raise ConfigError(
                    f'{user}: the files of the data set differ in category ids: class {name!r} is '
                    f'{own!r} in one, {other} in another. Write a results file for each'
                )


def write_coco_results(found: FlatDetections, dataset: Any, path: str) -> None:
    """Writes detections in COCO's results format, with the ids of the files.

    Detections of a class that the file has no category for are left out, and counted in the log.
    """
    rows = [
        dict(
            image_id=image_id(dataset, i),
            category_id=category_id(dataset, i, label),
            bbox=[x1, y1, x2 - x1, y2 - y1],
            score=score,
        )
        for i, label, (x1, y1, x2, y2, score) in zip(
            found.image.tolist(), found.label.tolist(), found.rows.tolist(), strict=True
        )
    ]
    named = [row for row in rows if row['category_id'] is not None]
    if len(named) < len(rows):
        print_log(
            f'{path}: {len(rows) - len(named)} detections of classes that are no categories of '
            'the annotation file, and so have no category_id, are left out',
            logger='current',
            level=logging.WARNING,
        )
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    write_text(path, json.dumps(named))
