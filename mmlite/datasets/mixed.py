"""MultiImageMixDataset: samples made of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmlite.datasets.base import DetDataset
from mmlite.datasets.epoch_pipelines import HasPipelines
from mmlite.datasets.transforms import Compose
from mmlite.datasets.wrappers import DatasetWrapper, build_inner
from mmlite.errors import DataError
from mmlite.registry import DATASETS


@DATASETS.register_module()
class MultiImageMixDataset(HasPipelines, DatasetWrapper):
    """Samples made of several, by Mosaic, MixUp and others that have `get_indexes`.

    Args:
        dataset: data set, or its dict, whose pipeline loads pictures and boxes and no more.
        pipeline: transforms; one with `get_indexes(dataset)` finds the samples of these indices
            in `results['mix_results']`.
        skip_type_keys: types of transforms that are left out.
        max_refetch: how many samples are tried in the place of one that the pipeline refuses.
    """

    def __init__(
        self,
        dataset: dict | DetDataset,
        pipeline: list,
        *,
        skip_type_keys: list[str] | None = None,
        max_refetch: int = 15,
    ) -> None:
        self.dataset = build_inner(dataset)
        self.metainfo = dict(self.dataset.metainfo)
        self.summary = self.dataset.summary
        self.max_refetch = max_refetch
        skipped = skip_type_keys or ()
        self.set_pipeline(
            [
                transform
                for transform in pipeline
                if not (isinstance(transform, dict) and transform.get('type') in skipped)
            ]
        )

    def compose(self, transforms: Sequence) -> Compose:
        pipeline = super().compose(transforms)
        pipeline.transforms = [
            _Mixing(transform, self.dataset) if hasattr(transform, 'get_indexes') else transform
            for transform in pipeline.transforms
        ]
        return pipeline

    def use_epoch(self, epoch: int) -> None:
        super().use_epoch(epoch)
        self.dataset.use_epoch(epoch)

    @property
    def lookback(self) -> int:
        return super().lookback + self.dataset.lookback

    def __len__(self) -> int:
        return len(self.dataset)

    def locate(self, i: int) -> tuple[DetDataset, int]:
        return self.dataset, i

    def category_counts(self) -> dict[str, int]:
        """Returns the number of boxes by class name, before any is mixed."""
        return self.dataset.category_counts()

    def get_sample(self, i: int, offset: int = 0) -> dict:
        """Returns what the pipeline makes of sample i and those it mixes in.

        Raises:
            DataError: the pipeline refused all the samples tried.
        """
        return self._mixed(i, offset, self.pipeline)

    def partly(self, i: int, pipeline: Compose, stop: int) -> dict:
        """Returns what the first `stop` transforms of a pipeline make of sample i."""
        return self._mixed(i, 0, pipeline, stop)

    def _mixed(self, i: int, offset: int, pipeline: Compose, stop: int | None = None) -> dict:
        for _ in range(self.max_refetch + 1):
            sample = pipeline(self.dataset.get_sample(i, offset), stop)
            if sample is not None:
                return sample
            i = np.random.randint(len(self))
        raise DataError(
            f'MultiImageMixDataset: its pipeline refused {self.max_refetch + 1} samples in a row'
        )


class _Mixing:
    """A transform that is handed the further samples it wants."""

    def __init__(self, transform: Any, dataset: Any) -> None:
        self.transform = transform
        self.dataset = dataset
        self.__name__ = type(transform).__name__  # what errors call it

    def __call__(self, results: dict) -> dict | None:
        indexes = self.transform.get_indexes(self.dataset)
        indexes = indexes if isinstance(indexes, (list, tuple)) else [indexes]
        others = [self.dataset.get_sample(i) for i in indexes]
        skipped = [name for other in others for name in other.get('skipped_files', ())]
        if skipped:
            results['skipped_files'] = [*results.get('skipped_files', ()), *skipped]
        results['mix_results'] = others
        mixed = self.transform(results)
        if mixed is not None:
            mixed.pop('mix_results', None)
        return mixed
