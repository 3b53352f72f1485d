"""Which model, size of the input, schedule and batch fit the data, and why."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from mmlite.support.words import counted

_BASES = 'configs/_base_'
_FOR_SSD = 14  # px in an input of 300x300 that SSD's default boxes, from 21 px, still reach
_FOR_STRIDE_4 = 4.5  # px in the input that the level of stride 4 still finds
_MANY_OF_A_CLASS = 10  # objects of a class that say how large it is
_MANY_ON_GPU = 2000  # pictures from which RetinaNet's longer training pays
_SCHEDULES = (8, 12, 16, 32, 64, 100)  # epochs of the bases short_*e
# steps that a training has at least: on a CPU one takes seconds
_STEPS_ON_GPU, _STEPS_ON_CPU = 600, 250
LARGEST_BATCH = 8
_PLENTY = 4  # batches that an epoch should have at least
_COUNTED = 100  # detections of a class in a picture that CocoMetric's mAP takes
_DEFAULT_DETECTIONS = 200  # of ssd_r18


class Sizes(NamedTuple):
    """Objects of the training data, and what holds them.

    Attributes:
        sides: (g,) geometric mean of width and height of each object, in original pixels.
        squashed: the same in an input of 300x300 px that does not keep the ratio of the sides.
        longer: (g,) the longer side of the picture of each object, in pixels.
        labels: (g,) the class of each object.
        pictures: number of pictures with objects.
        most: objects in the picture that has most.
    """

    sides: np.ndarray
    squashed: np.ndarray
    longer: np.ndarray
    labels: np.ndarray
    pictures: int
    most: int


class Choice(NamedTuple):
    """The parts of a config, each with the reason.

    Attributes:
        bases: file in `_base_` -> reason; '' where there is none.
        batch: images in a batch, and the reason.
        epochs: of the schedule.
        detections: `max_per_img`, 0 for that of the model.
        most: objects in the picture that has most.
        crowded: whether these are more than CocoMetric counts.
        notes: what is to be said beside it.
    """

    bases: dict[str, str]
    batch: tuple[int, str]
    epochs: int
    detections: int
    most: int
    crowded: bool
    notes: list[str]


def choose(sizes: Sizes, gpu: bool) -> Choice:
    """Chooses by the sizes of the objects, the number of pictures and what there is to train on."""
    model, data, notes = _model_and_input(sizes, gpu)
    batch = _batch(sizes.pictures)
    per_epoch = math.ceil(sizes.pictures / batch[0])
    least = _STEPS_ON_GPU if gpu else _STEPS_ON_CPU
    epochs = next((n for n in _SCHEDULES if n * per_epoch >= least), _SCHEDULES[-1])
    steps = epochs * per_epoch
    schedule = f'{counted(sizes.pictures, "picture")}: {epochs} epochs are {steps} steps'
    bases = {
        f'{_BASES}/models/{model[0]}.py': model[1],
        f'{_BASES}/datasets/{data[0]}.py': data[1],
        f'{_BASES}/schedules/short_{epochs}e.py': schedule,
        f'{_BASES}/default_runtime.py': '',
    }
    limit = 300 if model[0] == 'ssd_r18_stride4' else _DEFAULT_DETECTIONS
    detections = 100 * math.ceil(sizes.most / 50) if sizes.most > limit // 2 else 0
    return Choice(bases, batch, epochs, detections, sizes.most, sizes.most > _COUNTED, notes)


def _model_and_input(sizes: Sizes, gpu: bool) -> tuple[tuple[str, str], tuple[str, str], list[str]]:
    small = _small(sizes.squashed, sizes.labels)
    if small >= _FOR_SSD:
        if gpu and sizes.pictures >= _MANY_ON_GPU:
            reason = f'a GPU and {sizes.pictures} pictures: RetinaNet'
            return ('retinanet_r18', reason), ('pictures_512', 'objects are not small'), []
        model = 'SSD with a ResNet-18: quick, good from scratch'
        size = f'small objects are {small:.0f} px in it'
        return ('ssd_r18', model), ('pictures_300', size), []
    sides = {px: _in_input(sizes, px) for px in (512, 800)}
    # on a GPU the larger input costs little
    enough = 2 * _FOR_STRIDE_4 if gpu else _FOR_STRIDE_4
    size = 512 if sides[512] >= enough else 800
    model = f'small objects would be {small:.0f} px at 300x300: SSD with a level of stride 4'
    data = f'small objects are {sides[size]:.0f} px in it'
    notes = []
    if sides[size] < _FOR_STRIDE_4:
        notes.append(
            f'small objects are {sides[size]:.0f} px in an input of {size} px, hardly enough to be '
            'found: pictures cut into tiles would show them larger'
        )
    return ('ssd_r18_stride4', model), (f'pictures_{size}', data), notes


def _in_input(sizes: Sizes, longer: int) -> float:
    """The side of small objects in an input with this longer side, in pixels."""
    return _small(sizes.sides * longer / np.maximum(sizes.longer, 1), sizes.labels)


def _small(sides: np.ndarray, labels: np.ndarray) -> float:
    """The side of small objects: of one in ten of all, or the usual one of the smallest class."""
    of_classes = (sides[labels == label] for label in np.unique(labels))
    usual = [np.median(own) for own in of_classes if len(own) >= _MANY_OF_A_CLASS]
    return float(min([np.quantile(sides, 0.1), *usual]))


def _batch(pictures: int) -> tuple[int, str]:
    """Returns the images in a batch: few where an epoch would else have next to no steps."""
    for batch in (LARGEST_BATCH, 4, 2):
        if pictures >= batch * _PLENTY:
            return batch, ''
    return 1 if pictures < 4 else 2, f'only {counted(pictures, "picture")}'
