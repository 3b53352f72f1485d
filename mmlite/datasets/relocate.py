"""Points the data sets of a config at another folder: `--data-root`, `--demo-data`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmlite.errors import ConfigError
from mmlite.overrides import walk

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
DEMO_SIZE = dict(num_train=600, num_test=150, size=(320, 240), seed=0)


def dataset_dicts(cfg: Config) -> Iterator[tuple[str, dict]]:
    """Yields (config path, dict) of every data set that reads files, inside its wrappers."""
    for loader in LOADERS:
        for path, node in walk(cfg.get(loader), loader):
            if isinstance(node, dict) and 'data_root' in node:
                yield path, node


def relocate(cfg: Config, root: str | os.PathLike) -> None:
    """Replaces `data_root` of every data set.

    A folder that itself holds images and annotations stands for all parts (VOC2007, VOC2012, ...),
    once: parts of a concatenation that would then be the same are dropped.
    """
    root = str(Path(root).expanduser().absolute())
    if not any(True for _ in dataset_dicts(cfg)):
        raise ConfigError('no data set of the config has a data_root: it draws its data by itself')
    single = _is_voc_part(root)
    for _, dataset in dataset_dicts(cfg):
        dataset['data_root'] = root
        if single:
            dataset['data_prefix'] = dict(sub_data_root='')
            dataset['ann_file'] = _present_list(root, dataset.get('ann_file', ''))
    if single:
        for loader in LOADERS:
            for _, node in walk(cfg.get(loader), loader):
                if isinstance(node, dict) and node.get('type') == 'ConcatDataset':
                    node['datasets'] = _distinct(node['datasets'])


def skip_bad_images(cfg: Config) -> None:
    """Lets testing go on where an image cannot be read; training does so anyway."""
    for loader in LOADERS:
        for _, node in walk(cfg.get(loader), loader):
            if isinstance(node, dict) and ('data_root' in node or 'pipeline' in node):
                node['skip_bad_images'] = True


def use_demo_data(cfg: Config) -> Path | None:
    """Draws the embedded set with the config's own classes and points every data set at it.

    Returns:
        the folder it lies in; None for a config that draws its data by itself.
    """
    from mmlite.datasets.demo import demo_root, draw_demo_set

    if not any(True for _ in dataset_dicts(cfg)):
        return None
    classes = _classes(cfg)
    root = draw_demo_set(demo_root(classes, **DEMO_SIZE), classes, **DEMO_SIZE)
    relocate(cfg, root)
    return root


def _classes(cfg: Config) -> tuple[str, ...]:
    from mmlite.datasets.voc import VOCDataset

    for _, dataset in dataset_dicts(cfg):
        classes = (dataset.get('metainfo') or {}).get('classes')
        if classes and not isinstance(classes, str):
            return tuple(classes)
        if dataset.get('type') == 'VOCDataset':
            return VOCDataset.METAINFO['classes']
    raise ConfigError('--demo-data: no data set of the config says which classes it has')


def _is_voc_part(root: str) -> bool:
    return os.path.isdir(os.path.join(root, 'Annotations'))


def _present_list(root: str, ann_file: str) -> str:
    """The list of the same name in ImageSets/Main; VOC2012 has no test list, val stands in."""
    folder = 'ImageSets/Main'
    name = os.path.basename(ann_file)
    if name == 'test.txt' and not os.path.isfile(os.path.join(root, folder, name)):
        name = 'val.txt'
    return f'{folder}/{name}' if name else ''


def _distinct(datasets: list[dict]) -> list[dict]:
    kept: list[dict] = []
    for dataset in datasets:
        if dataset not in kept:
            kept.append(dataset)
    return kept
