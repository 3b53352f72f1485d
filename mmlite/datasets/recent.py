"""What the samples before this one gave a transform: the same in every worker.

CachedMosaic and CachedMixUp mix a sample with recent ones. In mmdet these are what the worker has
seen, so that their number changes a training, and a run that is resumed begins with none. Here
they are the samples at the positions before it in the epoch, of this process. The batch sampler
sends their indices and seeds along; a worker that has not made one of them makes it again, from
its own seed, up to the transform that asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from mmlite.datasets.loader import kept_random_state, seed_sample
from mmlite.datasets.place import Place, SeededIndex, at_place, current_place
from mmlite.datasets.transforms.cached_mix import CachedMix, Sample


class SampleOwner(Protocol):
    """A data set with a pipeline."""

    lookback: int

    def __len__(self) -> int: ...

    def partly(self, i: int, pipeline: Any, stop: int) -> Sample:
        """Returns what the first `stop` transforms of a pipeline make of image i."""


class RecentSamples:
    """The cache of a CachedMix in the pipeline of a data set.

    It keeps as many samples as one may ask for, those that it has made last.

    Args:
        transform: which has this cache.
        owner: the data set.
        pipeline: of the owner, with the transform in it.
        stage: which of its transforms that is.
    """

    def __init__(self, transform: CachedMix, owner: SampleOwner, pipeline: Any, stage: int) -> None:
        self.transform = transform
        self.owner = owner
        self.pipeline = pipeline
        self.stage = stage
        self._kept: dict[tuple[int, int], Sample] = {}

    def including(self, sample: Sample) -> Sequence[Sample]:
        place = current_place() or _drawn_place(self.owner)
        key = _key(place.positions[-1])
        if key not in self._kept:  # a pipeline that refused it asks again, with another image
            self._keep(key, sample)
        return _Recent(self, place, sample)

    def at(self, place: Place, n: int) -> Sample:
        """Returns the sample at `place.positions[n]`."""
        position = place.positions[n]
        key = _key(position)
        if key in self._kept:
            return self._kept[key]
        earlier = Place(place.dataset, place.positions[: n + 1])
        with kept_random_state(), at_place(earlier):
            seed_sample(position.seed)
            i = index_in(place.dataset, self.owner, int(position))
            sample = self.transform.fitted(self.owner.partly(i, self.pipeline, self.stage))
        self._keep(key, sample)
        return sample

    def _keep(self, key: tuple[int, int], sample: Sample) -> None:
        self._kept[key] = sample
        if len(self._kept) > self.owner.lookback + 1:
            first_made = next(iter(self._kept))  # no later sample asks for it
            del self._kept[first_made]


class _Recent(Sequence):
    """The samples that a CachedMix chooses from; they are made when it asks for them."""

    def __init__(self, cache: RecentSamples, place: Place, own: Sample) -> None:
        self.cache = cache
        self.place = place
        self.own = own
        first = max(0, len(place.positions) - cache.transform.max_cached_images)
        self.numbers = [
            n
            for n in range(first, len(place.positions) - 1)
            if index_in(place.dataset, cache.owner, int(place.positions[n])) is not None
        ]

    def __len__(self) -> int:
        return len(self.numbers) + 1

    def __getitem__(self, i: int) -> Sample:
        return self.own if i == len(self.numbers) else self.cache.at(self.place, self.numbers[i])


def index_in(dataset: Any, owner: Any, i: int) -> int | None:
    """Returns the index of sample i of a data set in one inside; None if it comes from another."""
    while dataset is not owner:
        if not hasattr(dataset, 'locate'):
            return None
        dataset, i = dataset.locate(i)
    return i


def _key(position: SeededIndex) -> tuple[int, int]:
    return int(position), position.seed


def _drawn_place(owner: SampleOwner) -> Place:
    """A place for a sample that no loader asks for: the samples before it are drawn."""
    inds = np.random.randint(len(owner), size=owner.lookback + 1).tolist()
    seeds = np.random.randint(2**31, size=owner.lookback + 1).tolist()
    return Place(owner, [SeededIndex(i, seed) for i, seed in zip(inds, seeds, strict=True)])
