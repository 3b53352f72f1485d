"""The boxes of each part of a config's data, in original pixels and in those of the network."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mmengine.config import Config

from mmlite.datasets import build_dataset
from mmlite.datasets.auto_classes import settle_classes
from mmlite.datasets.bad_items import leaves
from mmlite.datasets.encoded_image import open_image
from mmlite.datasets.transforms import Compose, Pad, Resize, TestTimeAug
from mmlite.errors import ConfigError
from mmlite.tools.dataset_analysis.lists import lists_of

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Split:
    """One part of the data, every image once, however often a wrapper repeats it.

    Attributes:
        name: 'train', 'val' or 'test'.
        classes: their names; label c is classes[c - 1].
        files: absolute names of the n images.
        bad: why images cannot be used, by file.
        sizes: (n, 2) w, h in original pixels.
        image: (G,) index of each box's image.
        bboxes: (G, 4) xyxy in original pixels, as the pipeline gets them.
        labels: (G,) 1..C.
        ignored: (G,) bool: difficult ones and crowds.
        remarks: how the data sets understood their files, and what they warn of.
        lists: their annotation files, see `lists_of`.
    """

    name: str
    classes: tuple[str, ...]
    files: list[str]
    bad: dict[str, str]
    sizes: np.ndarray
    image: np.ndarray
    bboxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray
    remarks: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    @property
    def usable_files(self) -> list[str]:
        """The images that are not known to be bad."""
        return [file for file in self.files if file not in self.bad]

    def take(self, wanted: Sequence[bool] | np.ndarray) -> Split:
        """Returns a split of the images that `wanted` (n,) is true for."""
        wanted = np.asarray(wanted, bool)
        rows = wanted[self.image]
        return replace(
            self,
            files=[file for file, use in zip(self.files, wanted, strict=True) if use],
            sizes=self.sizes[wanted],
            image=(np.cumsum(wanted) - 1)[self.image[rows]],
            bboxes=self.bboxes[rows],
            labels=self.labels[rows],
            ignored=self.ignored[rows],
        )


@dataclass(frozen=True)
class NetworkBoxes:
    """The boxes to be found in a split as the network meets them in testing.

    Attributes:
        bboxes: (G, 4) xyxy in pixels of the network's input.
        labels: (G,) 1..C.
        size: (G, 2) w, h of the padded input that each box lies in.
    """

    bboxes: np.ndarray
    labels: np.ndarray
    size: np.ndarray

    @property
    def sides(self) -> np.ndarray:
        """(G, 2) w, h of the boxes."""
        return self.bboxes[:, 2:] - self.bboxes[:, :2]

    def groups(self) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
        """Yields each input size (w, h), and the rows (g,) of the boxes in inputs of that size."""
        sizes, group = np.unique(self.size, axis=0, return_inverse=True)
        for number, (width, height) in enumerate(sizes.tolist()):
            yield (width, height), np.flatnonzero(group.reshape(-1) == number)


def read_splits(cfg: Config) -> tuple[list[Split], list[Resize | Pad]]:
    """Reads the annotations of every part that the config has; parts of the same data once.

    Returns:
        the parts, and the transforms that bring a picture to the network's size: those of the test
        pipeline, as they are not random.

    Raises:
        ConfigError: it has no data for training.
        DataError: the data are missing or cannot be used.
    """
    if not cfg.get('train_dataloader'):
        raise ConfigError(f'{cfg.filename}: it has no train_dataloader, and no data to analyse')
    cfg = copy.deepcopy(cfg)
    settle_classes(cfg)
    loaders = {name: cfg.get(f'{name}_dataloader') for name in SPLITS}
    parts = {name: loader.dataset for name, loader in loaders.items() if loader}
    if parts.get('test') == parts.get('val'):
        parts.pop('test', None)
    datasets = {
        name: build_dataset(part, at=f'{name}_dataloader.dataset') for name, part in parts.items()
    }
    last = leaves(list(datasets.values())[-1])[0]
    splits = [read_split(dataset, name) for name, dataset in datasets.items()]
    return splits, resizing(last.pipeline)


def resizing(pipeline: Compose) -> list[Resize | Pad]:
    """Returns the transforms that set the size of the network's input."""
    found = []
    for transform in pipeline.transforms:
        if isinstance(transform, TestTimeAug):
            found += resizing(transform.pipelines[0])
        elif isinstance(transform, (Resize, Pad)):
            found.append(transform)
    return found


def read_split(dataset: Any, name: str) -> Split:
    """Reads the records of a data set, wrapped or not."""
    parts = leaves(dataset)
    infos = [part.get_data_info(i) for part in parts for i in range(len(part))]
    anns = [info['ann'] for info in infos]
    kept = np.concatenate([ann['bboxes'] for ann in anns] + [ann['bboxes_ignore'] for ann in anns])
    labels = [ann['labels'] for ann in anns] + [ann['labels_ignore'] for ann in anns]
    counts = [len(part) for part in labels]
    bad = {file: why for part in parts for file, why in part.bad_items.items()}
    return Split(
        name=name,
        classes=tuple(dataset.classes),
        files=[info['filename'] for info in infos],
        bad=bad,
        sizes=np.array([_size(info, bad) for info in infos], np.int64),
        image=np.repeat(np.tile(np.arange(len(infos)), 2), counts),
        bboxes=kept.astype(np.float64),
        labels=np.concatenate(labels),
        ignored=np.repeat([False, True], [sum(counts[: len(anns)]), sum(counts[len(anns) :])]),
        remarks=tuple(
            f'{part.title}: {text}'
            for part in parts
            for text in dict.fromkeys([*part.read_as, *part.warnings])
        ),
        lists=lists_of(dataset),
    )


def _size(info: Mapping, bad: Mapping) -> tuple[int, int]:
    """(w, h) of an image; annotations need not say it."""
    if min(info['width'], info['height']) > 0 or info['filename'] in bad:
        return info['width'], info['height']
    image = open_image(info['filename'])
    return image.size or image.decode().shape[1::-1]


def network_boxes(
    split: Split, transforms: Sequence[Resize | Pad], divisor: int = 1
) -> NetworkBoxes:
    """Brings the boxes of a split to the network's input.

    Args:
        split: of the data.
        transforms: from `read_splits`.
        divisor: `pad_size_divisor` of the preprocessor.
    """
    sizes, which = np.unique(split.sizes, axis=0, return_inverse=True)
    resized, padded = sizes.copy(), sizes.copy()
    for row, size in enumerate(sizes.tolist()):
        for transform in transforms if min(size) > 0 else ():
            size = transform.new_size(*size)
            if isinstance(transform, Resize):
                resized[row] = size
        padded[row] = [math.ceil(side / divisor) * divisor for side in size]
    ratio = (resized / np.maximum(sizes, 1))[which.reshape(-1)]
    use = ~split.ignored & (split.bboxes[:, 2:] > split.bboxes[:, :2]).all(axis=1)
    use &= (split.sizes > 0).all(axis=1)[split.image]  # of a bad image it may be unknown
    image = split.image[use]
    return NetworkBoxes(
        bboxes=split.bboxes[use] * np.tile(ratio[image], 2),
        labels=split.labels[use],
        size=padded[which.reshape(-1)][image],
    )
