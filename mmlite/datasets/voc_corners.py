"""How VOC's corners count pixels: three rules, and what files say about the one they follow.

G boxes; a corner of an mmlite box is a point between pixels, so that a picture of width w spans
from 0 to w.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from mmlite.errors import ConfigError, did_you_mean

# rule -> what it does with xmin, ymin, xmax, ymax as written
COORDINATES = dict(
    devkit="1 taken off all four corners and fractions cut off, mmdet's rule",
    zero_based='corners taken as they are',
    inclusive='1 taken off xmin and ymin only',
)
_TAKEN_OFF = dict(zero_based=(0, 0, 0, 0), inclusive=(1, 1, 0, 0))
_FRACTIONS = 0.05  # share of boxes with a fraction that is no accident: VOC 2012 has a few

# writer -> the rule that reads its files as they were meant, and what it does, by its source code
WRITERS = dict(
    devkit=('inclusive', 'the VOC devkit, which counts from 1 up to the last pixel'),
    supervision=('inclusive', 'supervision, which adds 1 to xmin and ymin only'),
    label_studio=('zero_based', 'Label Studio, which counts from 0'),
    datumaro=('zero_based', 'datumaro and CVAT, which count from 0'),
    labelimg=(
        'zero_based',
        'LabelImg or pascal_voc_writer, which count from 0 (LabelImg writes 1 for 0)',
    ),
)
WRITERS |= {f'mmlite_{rule}': (rule, f"mmlite, with coordinates='{rule}'") for rule in COORDINATES}


class Judgement(NamedTuple):
    """What files say about their corners.

    Attributes:
        coordinates: the rule that reads them as they were meant; '' where nothing shows it.
        reason: what in the files says so.
        proved: by numbers that a file of another rule does not have; else by habits of writers.
    """

    coordinates: str
    reason: str
    proved: bool = False


def check_coordinates(coordinates: Any, title: str) -> str:
    """Returns `coordinates`; raises ConfigError where it is not one of `COORDINATES`."""
    if coordinates not in COORDINATES:
        rules = '; '.join(f"'{name}': {rule}" for name, rule in COORDINATES.items())
        raise ConfigError(
            f'{title}: coordinates={coordinates!r} is not known.'
            f'{did_you_mean(str(coordinates), COORDINATES)} It is one of: {rules}.'
        )
    return coordinates


def edges(corners: np.ndarray, coordinates: str) -> np.ndarray:
    """Returns (G, 4) float64 xyxy of corners (G, 4) as written, by one of `COORDINATES`."""
    if coordinates == 'devkit':
        return np.trunc(corners) - 1  # int(5.9) - 1, as mmdet has it
    return corners - _TAKEN_OFF[coordinates]


def writer_of(database: str, annotation: str, owner: str, folder: str, path: str) -> str:
    """Returns the key in `WRITERS` that the texts of an XML file tell, '' where they tell none."""
    if annotation.startswith('PASCAL VOC') or 'VOC20' in database:
        return 'devkit'
    if database == 'roboflow.ai' and folder == 'VOC':
        return 'supervision'
    if database == 'mmlite' and annotation in COORDINATES:
        return f'mmlite_{annotation}'
    if owner == 'Label Studio':
        return 'label_studio'
    if database == 'Unknown':
        return {'Unknown': 'datumaro', '': 'labelimg' if path else ''}.get(annotation, '')
    return ''


def judge_corners(corners: np.ndarray, sizes: np.ndarray, writers: Iterable[str]) -> Judgement:
    """Judges which rule files follow.

    Args:
        corners: (G, 4) xmin, ymin, xmax, ymax as written.
        sizes: (G, 2) w, h of the image of each box; 0 where unknown.
        writers: of the n files, see `writer_of`.
    """
    if not len(corners):
        return Judgement('', 'there is no box')
    low, high = corners[:, :2], corners[:, 2:]
    zeros = ((low >= 0) & (low < 1)).any(axis=1).sum()
    ones = ((low >= 1) & (low < 2)).any(axis=1).sum()
    fractions = (corners % 1 != 0).any(axis=1).sum()
    beyond = ((sizes > 0) & (high == sizes + 1)).any(axis=1).sum()
    last = ((sizes > 0) & (high == sizes)).any(axis=1).sum()
    if zeros:
        reason = f'{zeros} of {len(corners)} boxes have an xmin or ymin of 0, so they count from 0'
        others = f', though {ones} have one of 1' if ones else ''
        return Judgement('zero_based', f'{reason}{others}', True)
    if fractions > _FRACTIONS * len(corners):
        reason = f'{fractions} of {len(corners)} boxes have fractions: points counted from 0'
        return Judgement('zero_based', reason, True)
    if beyond:
        reason = (
            f'no xmin or ymin is 0, and {beyond} of {len(corners)} boxes have an xmax or ymax one '
            'beyond their image: 1 was added to all four'
        )
        return Judgement('devkit', reason, True)
    most = Counter(writers).most_common(1)
    if most and most[0][0] in WRITERS:
        coordinates, habit = WRITERS[most[0][0]]
        return Judgement(coordinates, f'{most[0][1]} files have the marks of {habit}')
    if ones and last:
        reason = (
            f'no xmin or ymin is 0, {ones} boxes have one of 1, and {last} end at the width or '
            'height: pixels counted from 1 up to the last'
        )
        return Judgement('inclusive', reason)
    return Judgement('', 'no box is at the border of its image, and the writer is not known')


def verdict(coordinates: str, found: Judgement) -> tuple[str, bool]:
    """Returns what is to be said about files read by a rule, and whether it is a warning."""
    rule = f"corners read with coordinates='{coordinates}': {COORDINATES[coordinates]}"
    if not found.coordinates:
        return f'{rule} (the files do not tell theirs)', False
    if found.coordinates == coordinates:
        return f'{rule}, as the files have it ({found.reason})', False
    meant = f"coordinates='{found.coordinates}', {COORDINATES[found.coordinates]}"
    if found.proved:
        return (
            f'{rule}, but the files follow another rule: {found.reason}. '
            f'Put into the data set: {meant}'
        ), True
    return f'{rule}; the files look like {meant} ({found.reason})', False
