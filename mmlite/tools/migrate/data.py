"""`data`: a loader for each split, and what its pipelines say to the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmlite.errors import ConfigError
from mmlite.tools.migrate.datasets import DatasetMapper
from mmlite.tools.migrate.notes import Section
from mmlite.tools.migrate.pipeline import migrate_pipeline
from mmlite.tools.migrate.transforms import Pipeline, Transforms

_SIZES = dict(samples_per_gpu='batch_size', workers_per_gpu='num_workers')
_FLAGS = ('persistent_workers', 'pin_memory', 'prefetch_factor', 'drop_last')


class DataMapper:
    """Turns `data` into loaders, and remembers what became of each pipeline.

    Args:
        top: the whole old config; `data` is taken out of it.
        by_epoch: whether training counts epochs; else its sampler has no end.
    """

    def __init__(self, top: Section, by_epoch: bool) -> None:
        self.data = top.section('data')
        root = top.get('data_root')
        self.data_root = root if isinstance(root, str) else ''
        self.by_epoch = by_epoch
        self.notes = top.notes
        self.pipelines: list[tuple[str, Pipeline]] = []

    def migrate(self) -> dict[str, Any]:
        """Returns `train_dataloader`, and `val_dataloader` and `test_dataloader` where they are.

        Raises:
            ConfigError: there is no `data.train`.
        """
        old = {split: self.data.take(split) for split in ('train', 'val', 'test')}
        if not isinstance(old['train'], (Mapping, list, tuple)):
            raise ConfigError("data: the key 'train' is missing, a data set")
        common = self._common_settings()
        own = {split: self.data.section(f'{split}_dataloader') for split in old}
        loaders = {'train_dataloader': self._loader('train', old['train'], common, own['train'])}
        evaluated = {**common, 'batch_size': 1}  # whatever training had
        for split in ('val', 'test'):
            if old[split] is not None and not (split == 'test' and _same_test(old, own)):
                loaders[f'{split}_dataloader'] = self._loader(
                    split, old[split], evaluated, own[split]
                )
        if 'test_dataloader' not in loaders and 'val_dataloader' in loaders:
            loaders['test_dataloader'] = loaders['val_dataloader']
            self.notes.changed('data.val', 'val_dataloader, test_dataloader', 'both are the same')
        self.data.close('a loader has no such setting')
        return loaders

    def _common_settings(self) -> dict[str, Any]:
        why = 'renamed'
        settings = {}
        images = self.data.move('imgs_per_gpu', 'train_dataloader.batch_size', why)
        if images is not None:
            settings['batch_size'] = images
        for old, new in _SIZES.items():
            if old in self.data:
                settings[new] = self.data.move(old, f'train_dataloader.{new}', why)
        return settings | {key: self.data.take(key) for key in _FLAGS if key in self.data}

    def _loader(
        self, split: str, old: Any, common: Mapping[str, Any], own: Section | None
    ) -> dict[str, Any]:
        """A loader of the settings of all, of those in the data set's dict, and of its own dict."""
        test = split != 'train'
        loader, shuffle = dict(common), not test
        dataset = dict(old) if isinstance(old, Mapping) else old
        if isinstance(dataset, dict):
            for key, new in _SIZES.items():
                if key in dataset:
                    loader[new] = dataset.pop(key)
        if own is not None:
            for key, new in {**_SIZES, **dict(zip(_FLAGS, _FLAGS, strict=True))}.items():
                if key in own:
                    loader[new] = own.move(key, f'{split}_dataloader.{new}', 'renamed')
            shuffle = own.take('shuffle', shuffle)
            own.close('a loader has no such setting')
        if loader.get('num_workers', 0) > 0:
            loader.setdefault('persistent_workers', True)
        self.notes.changed(
            f'data.{split}', f'{split}_dataloader.dataset', 'each split has a loader'
        )
        to_pipeline = self._to_pipeline(test)
        mapper = DatasetMapper(self.data_root, test, to_pipeline, self.notes)
        loader['dataset'] = mapper.migrate(dataset, f'data.{split}')
        sampler = 'DefaultSampler' if test or self.by_epoch else 'InfiniteSampler'
        loader['sampler'] = dict(type=sampler, shuffle=shuffle)
        if not test and self._keeps_ratio():
            loader['batch_sampler'] = dict(type='AspectRatioBatchSampler')
            why = 'upright images share a batch, and lying ones, as before'
            self.notes.changed('', 'train_dataloader.batch_sampler', why)
        return loader

    def _to_pipeline(self, test: bool) -> Callable[[list[Mapping], str], Transforms]:
        def convert(old: list[Mapping], path: str) -> Transforms:
            pipeline = migrate_pipeline(old, path, test, self.notes)
            self.pipelines.append((path, pipeline))
            return pipeline.transforms

        return convert

    def _keeps_ratio(self) -> bool:
        transforms = [
            transform for _, pipeline in self.pipelines for transform in pipeline.transforms
        ]
        return any(transform.get('keep_ratio') for transform in transforms)

    def preprocessor(self) -> dict[str, Any]:
        """Returns `model.data_preprocessor`; the training pipeline counts where others differ."""
        norms = [(path, pipeline.norm) for path, pipeline in self.pipelines if pipeline.norm]
        pads = [(path, pipeline.pad) for path, pipeline in self.pipelines if pipeline.pad]
        for found in (norms, pads):
            for path, values in found[1:]:
                if values != found[0][1]:
                    why = f'{found[0][0]} has other numbers, and one preprocessor serves all'
                    self.notes.not_mapped(path, values, why)
        norm = norms[0][1] if norms else {}
        renamed = dict(mean='mean', std='std', to_rgb='bgr_to_rgb')
        return dict(
            type='DetDataPreprocessor',
            **{renamed[key]: value for key, value in norm.items()},
            **(pads[0][1] if pads else dict(pad_size_divisor=1)),
        )

    def tta_pipeline(self) -> Transforms | None:
        """Returns the pipeline of tests in several versions, None if there is none."""
        found = [pipeline.tta for _, pipeline in self.pipelines if pipeline.tta is not None]
        return found[-1] if found else None


def _same_test(old: Mapping[str, Any], own: Mapping[str, Section | None]) -> bool:
    """Whether data.test is data.val once more."""
    return old['test'] == old['val'] and own['val'] is None and own['test'] is None
