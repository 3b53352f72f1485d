"""The pipelines of a data set by epoch: a recipe may end with another one than it begins with.

Every batch that is asked for carries its epoch, so that workers which live through the whole
training, and a run that is resumed, take the right one.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from typing import Any

from mmlite.datasets.loader import SeededDataset
from mmlite.datasets.recent import RecentSamples
from mmlite.datasets.transforms import Compose
from mmlite.datasets.transforms.cached_mix import CachedMix


class HasPipelines(SeededDataset):
    """What a data set with a pipeline of its own does with it; `set_pipeline` begins."""

    pipeline: Compose  # of the epoch

    def set_pipeline(self, transforms: Sequence) -> None:
        """Takes transforms, or their dicts, from the first epoch on."""
        self._begin_with([(0, self.compose(transforms))])

    def switch_pipeline(self, epoch: int, transforms: Sequence) -> None:
        """Takes other transforms, or their dicts, from an epoch on, counted from 0."""
        kept = [(begin, pipeline) for begin, pipeline in self._by_epoch if begin < epoch]
        self._begin_with([*kept, (max(epoch, 0), self.compose(transforms))])

    def leave_out(self, epoch: int, types: Collection[str]) -> list[str]:
        """Leaves transforms of these types out from an epoch on, counted from 0.

        Returns:
            the names of those that it leaves out.
        """
        epoch = max(epoch, 0)
        kept = [(begin, pipeline) for begin, pipeline in self._by_epoch if begin < epoch]
        later = [(begin, pipeline) for begin, pipeline in self._by_epoch if begin > epoch]
        changed = [(epoch, self._pipeline_at(epoch)), *later]
        names = [name_of(t) for _, pipeline in changed for t in pipeline.transforms]
        changed = [
            (begin, self.compose([t for t in pipeline.transforms if name_of(t) not in types]))
            for begin, pipeline in changed
        ]
        self._begin_with(kept + changed)
        return [name for name in names if name in types]

    def _begin_with(self, by_epoch: list[tuple[int, Compose]]) -> None:
        self._by_epoch = by_epoch
        self.pipeline = by_epoch[0][1]

    def use_epoch(self, epoch: int) -> None:
        if len(self._by_epoch) > 1:
            self.pipeline = self._pipeline_at(epoch)

    def _pipeline_at(self, epoch: int) -> Compose:
        return [pipeline for begin, pipeline in self._by_epoch if begin <= epoch][-1]

    @property
    def lookback(self) -> int:
        """How many samples before one its transforms may look at."""
        return max(lookback_of(pipeline) for _, pipeline in self._by_epoch)

    def compose(self, transforms: Sequence) -> Compose:
        """Builds a pipeline; its transforms that mix recent samples get those of this data set."""
        pipeline = Compose(transforms)
        for stage, transform in enumerate(pipeline.transforms):
            if isinstance(transform, CachedMix):
                own = copy.copy(transform)  # one that is in two pipelines has two caches
                own.cache = RecentSamples(own, self, pipeline, stage)
                pipeline.transforms[stage] = own
        return pipeline


def lookback_of(pipeline: Compose) -> int:
    """Returns how many samples before one a pipeline may look at: one may ask the one before."""
    cached = [t for t in pipeline.transforms if isinstance(t, CachedMix)]
    return sum(transform.max_cached_images - 1 for transform in cached)


def name_of(transform: Any) -> str:
    """Returns the name of a transform, as a config has it in `type`."""
    return getattr(transform, '__name__', type(transform).__name__)
