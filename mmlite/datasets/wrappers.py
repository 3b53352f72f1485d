"""Data sets made of others: one after the other, repeated, or balanced."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from mmlite.datasets.base import DetDataset
from mmlite.datasets.loader import SeededDataset
from mmlite.errors import ConfigError
from mmlite.registry import DATASETS


class DatasetWrapper(SeededDataset):
    """What ConcatDataset and RepeatDataset share: every question goes to the data set inside."""

    metainfo: dict
    summary: str  # what the data sets inside logged when they were built

    def locate(self, i: int) -> tuple[DetDataset, int]:
        """Returns the data set that sample i comes from, and its index in there."""
        raise NotImplementedError

    @property
    def inner(self) -> list:
        """The data sets inside."""
        return getattr(self, 'datasets', None) or [self.dataset]

    def switch_pipeline(self, epoch: int, transforms: Sequence) -> None:
        """Gives all data sets inside another pipeline from an epoch on, counted from 0."""
        for dataset in self.inner:
            dataset.switch_pipeline(epoch, transforms)

    def leave_out(self, epoch: int, types: Collection[str]) -> list[str]:
        """Leaves transforms out of all pipelines inside from an epoch on; returns their names."""
        return [name for dataset in self.inner for name in dataset.leave_out(epoch, types)]

    def use_epoch(self, epoch: int) -> None:
        for dataset in self.inner:
            dataset.use_epoch(epoch)

    @property
    def lookback(self) -> int:
        """How many samples before one the transforms inside may look at."""
        return max(dataset.lookback for dataset in self.inner)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; label c is classes[c - 1]."""
        return self.metainfo['classes']

    def filename(self, i: int) -> str:
        """Returns the absolute file name of image i."""
        dataset, inner = self.locate(i)
        return dataset.filename(inner)

    def get_ann_info(self, i: int) -> dict[str, np.ndarray]:
        """Returns the ground truth of image i, as DetDataset.get_ann_info."""
        dataset, inner = self.locate(i)
        return dataset.get_ann_info(inner)

    def get_coco_info(self, i: int) -> dict[str, np.ndarray]:
        """Returns the ground truth of image i, as DetDataset.get_coco_info."""
        dataset, inner = self.locate(i)
        return dataset.get_coco_info(inner)

    def get_data_info(self, i: int) -> dict:
        """Returns what the pipeline gets for image i, as DetDataset.get_data_info."""
        dataset, inner = self.locate(i)
        return {**dataset.get_data_info(inner), 'img_id': i}

    def __getitem__(self, i: int) -> dict:
        if not -len(self) <= i < len(self):
            raise IndexError(f'{type(self).__name__} has {len(self)} samples, none with index {i}')
        return self.get_sample(i % len(self))

    def get_sample(self, i: int, offset: int = 0) -> dict:
        """Returns sample i; its img_id is i + offset, so that no two images share one."""
        dataset, inner = self.locate(i)
        return dataset.get_sample(inner, offset + i - inner)


@DATASETS.register_module()
class ConcatDataset(DatasetWrapper):
    """Data sets one after the other.

    Args:
        datasets: data sets, or their dicts. Their classes must be the same, in the same order.
        ignore_keys: keys of metainfo, such as 'dataset_type', that are taken from the first data
            set even where they differ; other keys that differ are left out.

    Raises:
        ConfigError: the classes differ.
    """

    def __init__(self, datasets: list, *, ignore_keys: str | list[str] | None = None) -> None:
        if not datasets:
            raise ConfigError('ConcatDataset: datasets is empty')
        self.datasets = [build_inner(dataset) for dataset in datasets]
        self.summary = '\n'.join(dataset.summary for dataset in self.datasets)
        self.ends = np.cumsum([len(dataset) for dataset in self.datasets])
        self.metainfo = dict(self.datasets[0].metainfo)
        ignored = [ignore_keys] if isinstance(ignore_keys, str) else list(ignore_keys or [])
        for number, dataset in enumerate(self.datasets[1:], 1):
            if dataset.classes != self.classes:
                raise ConfigError(
                    'ConcatDataset: the classes of its data sets differ. datasets[0]: '
                    f'{self.classes}. datasets[{number}]: {dataset.classes}.'
                )
            self.metainfo = {
                key: value
                for key, value in self.metainfo.items()
                if key in ignored or dataset.metainfo.get(key) == value
            }

    def __len__(self) -> int:
        return int(self.ends[-1])

    def locate(self, i: int) -> tuple[DetDataset, int]:
        part = int(np.searchsorted(self.ends, i, side='right'))
        return self.datasets[part], i - (int(self.ends[part - 1]) if part else 0)

    def category_counts(self) -> dict[str, int]:
        """Returns the number of boxes by class name, difficult ones not counted."""
        total = Counter(dict.fromkeys(self.classes, 0))
        for dataset in self.datasets:
            total.update(dataset.category_counts())
        return dict(total)


@DATASETS.register_module()
class RepeatDataset(DatasetWrapper):
    """A data set several times over, so that an epoch of a small one is not over at once.

    Args:
        dataset: data set, or its dict.
        times: how often each of its samples is in an epoch.
    """

    def __init__(self, dataset: dict | DetDataset, times: int) -> None:
        if type(times) is not int or times < 1:
            raise ConfigError(f'RepeatDataset: times: a whole number from 1 up, found {times!r}')
        self.dataset = build_inner(dataset)
        self.summary = self.dataset.summary
        self.times = times
        self.metainfo = dict(self.dataset.metainfo)

    def __len__(self) -> int:
        return self.times * len(self.dataset)

    def locate(self, i: int) -> tuple[DetDataset, int]:
        return self.dataset, i % len(self.dataset)

    def category_counts(self) -> dict[str, int]:
        """Returns the number of boxes by class name over all repetitions."""
        counts = self.dataset.category_counts()
        return {name: count * self.times for name, count in counts.items()}


@DATASETS.register_module()
class ClassBalancedDataset(DatasetWrapper):
    """A data set in which images of rare classes come more often (LVIS, Gupta et al. 2019, s. 5).

    A class in a share f of the images asks for each of its images max(1, sqrt(thr / f)) times; an
    image comes as often as its rarest class asks, rounded up.

    Args:
        dataset: data set, or its dict.
        oversample_thr: thr: classes in a smaller share of the images are repeated.
        filter_empty_gt: images without boxes come once; else they count as a class of their own.
    """

    def __init__(
        self, dataset: dict | DetDataset, oversample_thr: float, *, filter_empty_gt: bool = True
    ) -> None:
        if not 0 < oversample_thr <= 1:
            raise ConfigError(
                'ClassBalancedDataset: oversample_thr: a share of the images in (0, 1] is '
                f'expected, found {oversample_thr!r}'
            )
        self.dataset = build_inner(dataset)
        self.metainfo = dict(self.dataset.metainfo)
        labels = [
            set(self.dataset.get_data_info(i)['ann']['labels'].tolist())
            or (set() if filter_empty_gt else {0})
            for i in range(len(self.dataset))
        ]
        times = repeat_times(labels, oversample_thr)
        self.origins = np.repeat(np.arange(len(times)), times)
        self.summary = f'{self.dataset.summary}; {len(self)} samples after balancing'

    def __len__(self) -> int:
        return len(self.origins)

    def locate(self, i: int) -> tuple[DetDataset, int]:
        return self.dataset, int(self.origins[i])

    def category_counts(self) -> dict[str, int]:
        """Returns the number of boxes by class name, with those that come again."""
        total = Counter(dict.fromkeys(self.classes, 0))
        for i in range(len(self)):
            labels = self.get_ann_info(i)['labels']
            total.update(self.classes[label - 1] for label in labels.tolist())
        return dict(total)


def repeat_times(labels: list[set[int]], threshold: float) -> list[int]:
    """Returns how often each image comes; `labels` holds the classes in each."""
    images = Counter(label for present in labels for label in present)
    wanted = {
        label: max(1.0, math.sqrt(threshold * len(labels) / count))
        for label, count in images.items()
    }
    return [math.ceil(max((wanted[label] for label in present), default=1)) for present in labels]


def build_inner(dataset: Any) -> Any:
    """Builds the data set inside a wrapper where it is a dict; refuses what cannot be wrapped."""
    dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
    if not isinstance(dataset, (DetDataset, DatasetWrapper)):
        raise ConfigError(
            f'{type(dataset).__name__}: only a DetDataset or a wrapper of one can be wrapped'
        )
    return dataset
