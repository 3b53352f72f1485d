"""Data sets: paths relative to a data_root, classes in metainfo, lists as ConcatDataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from mmlite.registry import DATASETS
from mmlite.tools.migrate.notes import Notes, Section
from mmlite.tools.migrate.parts import fit_part

_WRAPPERS = ('RepeatDataset', 'ClassBalancedDataset', 'MultiImageMixDataset')
# what mmdet 1.x and 2.x left out in training: images without boxes, and those below 32 px
_MIN_SIZE = 32

ToPipeline = Callable[[list[Mapping], str], list[dict[str, Any]]]


class DatasetMapper:
    """Turns the data sets of one split into 3.x's.

    Args:
        data_root: the config's variable of that name, '' if there is none.
        test: whether it is a split that is evaluated.
        to_pipeline: called with a pipeline and its path in the old config.
        notes: where changes go.
    """

    def __init__(self, data_root: str, test: bool, to_pipeline: ToPipeline, notes: Notes) -> None:
        self.data_root = data_root
        self.test = test
        self.to_pipeline = to_pipeline
        self.notes = notes

    def migrate(self, old: Any, path: str) -> dict[str, Any]:
        """Returns the new data set of an old one, or of a list of them."""
        if isinstance(old, (list, tuple)):
            self.notes.changed(path, f'{path}: ConcatDataset', 'a list was a concatenation')
            return _concatenated([self.migrate(one, f'{path}[{i}]') for i, one in enumerate(old)])
        section = Section(old, path, self.notes)
        kind = section.take('type')
        if kind == 'ConcatDataset':
            datasets = section.take('datasets', ())
            section.drop('separate_eval', 'the parts are evaluated together')
            new = _concatenated(
                [self.migrate(one, f'{path}.datasets[{i}]') for i, one in enumerate(datasets)]
            )
        elif kind in _WRAPPERS:
            new = self._wrapper(section, kind)
        elif isinstance(section.get('ann_file'), (list, tuple)):
            new = self._several_files(section, kind)
        else:
            new = self._single(section, kind)
        section.close(f'{kind} takes no such argument')
        return new

    def _wrapper(self, section: Section, kind: str) -> dict[str, Any]:
        inner = self.migrate(section.take('dataset'), section.at('dataset'))
        pipeline = self._pipeline(section)
        return {**fit_part(section, DATASETS, kind), 'dataset': inner, **pipeline}

    def _several_files(self, section: Section, kind: str) -> dict[str, Any]:
        """A list of annotation files, with one folder of images or one for each."""
        files = section.move('ann_file', 'ConcatDataset.datasets', 'one data set for each file')
        folders = section.take('img_prefix')
        folders = folders if isinstance(folders, (list, tuple)) else [folders] * len(files)
        section.drop('separate_eval', 'the parts are evaluated together')
        values, section.left = section.left, {}
        return _concatenated(
            [
                self.migrate(
                    {'type': kind, **values, 'ann_file': file, 'img_prefix': folder}, section.path
                )
                for file, folder in zip(files, folders, strict=True)
            ]
        )

    def _single(self, section: Section, kind: str) -> dict[str, Any]:
        paths = self._paths(section, kind)
        new = {**paths, **self._classes(section)}
        if self.test:
            for key in ('filter_empty_gt', 'min_size'):
                section.drop(key, 'nothing is filtered where results are evaluated')
            new['test_mode'] = True
        else:
            new['filter_cfg'] = self._filters(section)
        section.take('test_mode')
        new |= self._pipeline(section)
        return {**fit_part(section, DATASETS, kind), **new}

    def _paths(self, section: Section, kind: str) -> dict[str, Any]:
        voc = kind == 'VOCDataset' or str(section.get('ann_file')).endswith('.txt')
        prefix_key = 'sub_data_root' if voc else 'img'
        ann_file = section.take('ann_file', '')
        why = 'paths are relative to data_root'
        folder = section.move('img_prefix', f'data_prefix.{prefix_key}', why) or ''
        root = section.take('data_root')
        if root is None:
            root = common_root(ann_file, folder, self.data_root)
            ann_file, folder = ann_file.removeprefix(root), folder.removeprefix(root)
        return dict(data_root=root, ann_file=ann_file, data_prefix={prefix_key: folder})

    def _classes(self, section: Section) -> dict[str, Any]:
        if isinstance(section.get('classes'), str):
            section.refuse('classes', 'a file of names: write them as metainfo=dict(classes=...)')
        classes = section.move('classes', 'metainfo.classes', 'renamed')
        return {} if classes is None else dict(metainfo=dict(classes=tuple(classes)))

    def _filters(self, section: Section) -> dict[str, Any]:
        why = 'filters have a dict of their own'
        empty = section.move('filter_empty_gt', 'filter_cfg.filter_empty_gt', why, default=True)
        filters = dict(filter_empty_gt=empty, min_size=_MIN_SIZE)
        self.notes.changed('', f'{section.path}.filter_cfg.min_size', '32 px was built in')
        if section.get('min_size') is not None:
            filters['bbox_min_size'] = section.move('min_size', 'filter_cfg.bbox_min_size', why)
        return filters

    def _pipeline(self, section: Section) -> dict[str, Any]:
        if 'pipeline' not in section:
            return {}
        path = section.at('pipeline')
        return dict(pipeline=self.to_pipeline(section.take('pipeline'), path))


def _concatenated(datasets: list[dict[str, Any]]) -> dict[str, Any]:
    # VOC 2007 and 2012 differ in their metainfo's dataset_type
    return dict(type='ConcatDataset', ignore_keys=['dataset_type'], datasets=datasets)


def common_root(ann_file: str, folder: str, data_root: str) -> str:
    """Returns the folder, with a '/' at its end, that both paths are in; '' if there is none.

    Args:
        ann_file: path of the annotations.
        folder: path of the images, '' if it is not known.
        data_root: taken where both paths start with it.
    """
    if data_root and all(path.startswith(data_root) for path in (ann_file, folder)):
        return data_root
    if not folder or os.path.isabs(ann_file) != os.path.isabs(folder):
        return ''
    common = os.path.commonpath([os.path.dirname(ann_file), folder])
    root = f'{common}/' if common else ''
    return root if ann_file.startswith(root) and folder.startswith(root) else ''


def innermost(dataset: Any) -> Mapping[str, Any]:
    """Returns the first data set inside wrappers and lists."""
    while True:
        if isinstance(dataset, (list, tuple)):
            dataset = dataset[0]
        elif 'dataset' in dataset:
            dataset = dataset['dataset']
        elif 'datasets' in dataset:
            dataset = dataset['datasets']
        else:
            return dataset
