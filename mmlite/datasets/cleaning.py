"""Boxes and images that are left out before a pipeline sees them, and how many they are.

n images, G boxes in all. A function returns the rest, and `Counts` of what it left out.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmlite.datasets.annotations import FlatRecords
from mmlite.datasets.values import SHARES_ADVICE, are_shares
from mmlite.errors import ConfigError, DataError, did_you_mean

Counts = list[tuple[int, str]]  # a number, and the name of what is counted


def possible_boxes(records: FlatRecords) -> tuple[FlatRecords, Counts]:
    """Returns the records with finite boxes that are not inside out."""
    finite = np.isfinite(records.bboxes).all(axis=1)
    inverted = finite & (records.bboxes[:, 2:] < records.bboxes[:, :2]).any(axis=1)
    return records.keep_boxes(finite & ~inverted), [
        (int((~finite).sum()), 'boxes with a number that is not finite left out'),
        (int(inverted.sum()), 'boxes with xmax < xmin or ymax < ymin left out'),
    ]


def shares_warning(bboxes: np.ndarray, title: str) -> str:
    """Returns what to say about boxes (G, 4) in pixels that lie within 0 to 1; '' for none.

    Raises:
        DataError: all of them do.
    """
    shares = are_shares(bboxes)
    if len(bboxes) and np.all((bboxes >= 0) & (bboxes <= 1)) and shares.any():
        numbers = ', '.join(f'{number:g}' for number in bboxes[shares][0])
        raise DataError(
            f'{title}: all of its {len(bboxes)} boxes lie within 0 to 1, such as '
            f'{numbers}: {SHARES_ADVICE}'
        )
    if not shares.any():
        return ''
    return f'{shares.sum()} boxes within 0 to 1: shares of the image, not pixels?'


def trained_boxes(records: FlatRecords, min_size: float) -> tuple[FlatRecords, Counts]:
    """Returns the records with boxes clipped to their image, those without a size left out.

    Args:
        records: as annotated.
        min_size: boxes with a side below it, in pixels as annotated, are ignored ones.
    """
    bboxes = clip_to_sizes(records.bboxes, records.sizes[records.image_inds])
    # one pixel wide to the devkit, but nothing to an IoU without +1: it cannot be matched
    usable = (bboxes[:, 2:] > bboxes[:, :2]).all(axis=1)
    small = ((records.bboxes[:, 2:] - records.bboxes[:, :2]) < min_size).any(axis=1)
    clipped = (bboxes != records.bboxes).any(axis=1)
    difficult = records.difficult | small
    return replace(records, bboxes=bboxes, difficult=difficult).keep_boxes(usable), [
        (int((clipped & usable).sum()), 'boxes clipped to the image'),
        (int((~usable).sum()), 'boxes of zero size left out'),
        (int((small & usable).sum()), 'boxes ignored by bbox_min_size'),
    ]


def trained_images(
    records: FlatRecords, filter_cfg: dict[str, Any], bad: Collection[str]
) -> tuple[np.ndarray, Counts]:
    """Returns the indices of the images that `filter_cfg` leaves in.

    Args:
        records: with the boxes that are trained on.
        filter_cfg: of DetDataset.
        bad: files of items that are damaged; of those the boxes are unknown, and they stay.
    """
    sides = records.sizes.min(axis=1)
    small = (sides > 0) & (sides < filter_cfg.get('min_size', 0))
    is_bad = np.array([name in bad for name in records.all_filenames()], bool)
    empty = ~small & (np.diff(records.starts) == 0) & ~is_bad
    counts = [(int(small.sum()), 'images left out by min_size')]
    if filter_cfg.get('filter_empty_gt', False):
        counts.append((int(empty.sum()), 'images left out that have no boxes'))
        return np.flatnonzero(~small & ~empty), counts
    counts.append((int(empty.sum()), 'images without boxes kept'))
    return np.flatnonzero(~small), counts


def chosen_images(
    filenames: Sequence[str], indices: int | Sequence[int | str], title: str, at: str = 'indices'
) -> list[int]:
    """Returns the images that `indices` or `image_list` of DetDataset chooses.

    A file name is without its folder, or with as many of its folders as make it unique. `at` is
    what holds them, for messages.

    Raises:
        ConfigError: there is none of an index or name, or there are several of a name.
    """
    wanted = range(indices) if isinstance(indices, int) else indices
    by_name = defaultdict(list)
    for i, name in enumerate(filenames):
        by_name[os.path.basename(name)].append(i)
    inds = []
    for given in wanted:
        found = [given]
        if isinstance(given, str):
            tail = os.path.join(os.sep, os.path.normpath(given))
            same_name = by_name.get(os.path.basename(given), [])
            found = [i for i in same_name if filenames[i].endswith(tail) or filenames[i] == given]
        if len({filenames[i] for i in found if isinstance(given, str)}) > 1:
            some = ', '.join(filenames[i] for i in found[:3])
            raise ConfigError(
                f'{title}: {at} has {given!r}, and {len(found)} images have that name: {some}. '
                'Write the folder before it'
            )
        if not found or not 0 <= found[-1] < len(filenames):
            raise ConfigError(
                f'{title}: {at} has {given!r}, and it has {len(filenames)} images; none is '
                f'of this index or name.{did_you_mean(str(given), by_name)}'
            )
        inds.append(found[-1])
    return inds


def clip_to_sizes(bboxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns bboxes (g, 4) xyxy clipped to sizes (g, 2) or (2,), (w, h), where 0 sets no limit."""
    limits = np.where(sizes > 0, sizes, np.inf).astype(np.float32)
    return np.clip(bboxes, 0, np.concatenate([limits, limits], axis=-1))
