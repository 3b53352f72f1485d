"""What flags do to the data sets of a config: --data-root, --demo-data, --max-bad, ..."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from mmlite.config.nodes import walk
from mmlite.config.schema import LOADERS
from mmlite.datasets.bad_items import check_max_bad
from mmlite.datasets.coco_json import load_coco_json
from mmlite.datasets.voc_layout import holds
from mmlite.errors import ConfigError, DataError

_ASKED = 10  # listed images that are looked for in a folder
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

    Raises:
        ConfigError: no data set of the config has a `data_root`.
    """
    from mmlite.datasets.coco import CocoDataset
    from mmlite.datasets.voc import VOCDataset
    from mmlite.registry import DATASETS

    root = str(Path(root).expanduser().absolute())
    if not any(True for _ in dataset_dicts(cfg)):
        raise ConfigError('no data set of the config has a data_root: it draws its data by itself')
    for _, dataset in dataset_dicts(cfg):
        dataset['data_root'] = root
        cls = DATASETS.find(dataset.get('type'), 'dataset')
        if issubclass(cls, CocoDataset):
            _fit_coco(dataset, root)
        elif issubclass(cls, VOCDataset) and _is_voc_part(root):
            dataset['data_prefix'] = dict(sub_data_root='')
            dataset['ann_file'] = _present_list(root, dataset.get('ann_file', ''))
    for loader in LOADERS:
        for _, node in walk(cfg.get(loader), loader):
            if isinstance(node, dict) and node.get('type') == 'ConcatDataset':
                node['datasets'] = _distinct(node['datasets'])
    for evaluator in ('val_evaluator', 'test_evaluator'):
        for _, node in walk(cfg.get(evaluator), evaluator):
            if isinstance(node, dict) and node.get('type') == 'CocoMetric':
                node['ann_file'] = None  # the data set's own, wherever that is now


def skip_bad_images(cfg: Config) -> None:
    """Lets testing go on where an item is bad; training and its validation do so anyway."""
    for _, dataset in _checked_dataset_dicts(cfg):
        dataset['skip_bad_images'] = True


def allow_bad_items(cfg: Config, share: float) -> None:
    """Sets the share of the images that may be bad, `max_bad`, of every data set.

    Raises:
        ConfigError: it is no share.
    """
    check_max_bad(share, '--max-bad')
    for _, dataset in _checked_dataset_dicts(cfg):
        dataset['max_bad'] = share


def _checked_dataset_dicts(cfg: Config) -> Iterator[tuple[str, dict]]:
    """Yields (config path, dict) of every DetDataset, also of those that draw themselves."""
    from mmlite.datasets.base import DetDataset
    from mmlite.registry import DATASETS

    for loader in LOADERS:
        for path, node in walk(cfg.get(loader), loader):
            if isinstance(node, dict) and ('data_root' in node or 'pipeline' in node):
                cls = DATASETS.find(node.get('type'), path)
                if isinstance(cls, type) and issubclass(cls, DetDataset):
                    yield path, node


def use_demo_data(cfg: Config) -> Path | None:
    """Draws the embedded set with the config's own classes and points every data set at it.

    Returns:
        the folder it lies in; None for a config that draws its data by itself.
    """
    from mmlite.datasets.demo import demo_root, draw_demo_set

    if not any(True for _ in dataset_dicts(cfg)):
        return None
    classes = demo_classes(cfg)
    _check_drawn_layout(cfg)
    root = draw_demo_set(demo_root(classes, **DEMO_SIZE), classes, **DEMO_SIZE)
    relocate(cfg, root)
    for _, dataset in dataset_dicts(cfg):  # what the config says about its own data
        for key in ('img_subdir', 'ann_subdir', 'coordinates', 'missing_annotation'):
            dataset.pop(key, None)
    return root


def _check_drawn_layout(cfg: Config) -> None:
    from mmlite.datasets.coco import CocoDataset
    from mmlite.datasets.voc import VOCDataset
    from mmlite.registry import DATASETS

    for path, dataset in dataset_dicts(cfg):
        cls = DATASETS.find(dataset['type'], path)
        if not issubclass(cls, (VOCDataset, CocoDataset)):
            raise ConfigError(
                f"--demo-data: the set is drawn in VOC's and COCO's layout, and {path} is a "
                f'{cls.__name__}'
            )


def demo_classes(cfg: Config) -> tuple[str, ...]:
    """Returns the classes that the demo set is drawn with: those of the first data set.

    Raises:
        ConfigError: no data set says which it has.
    """
    from mmlite.registry import DATASETS

    for path, dataset in dataset_dicts(cfg):
        classes = (dataset.get('metainfo') or {}).get('classes')
        if classes and not isinstance(classes, str):
            return tuple(classes)
        own = getattr(DATASETS.find(dataset.get('type'), path), 'METAINFO', {})
        if 'classes' in own:
            return own['classes']
    raise ConfigError('--demo-data: no data set of the config says which classes it has')


def _fit_coco(dataset: dict, root: str) -> None:
    """Points a CocoDataset at the annotations and images that `root` has.

    The file of the same name is looked for in `root` and its `annotations`; else the only file
    there serves all, or the only one of the same part, train or not. Images lie in the folder of
    the config, in `images`, in VOC's `JPEGImages`, or beside the annotations.
    """
    given = dataset.get('ann_file', '')
    folders = [
        folder for folder in ('annotations', '') if os.path.isdir(os.path.join(root, folder))
    ]
    files = [
        os.path.join(folder, name)
        for folder in folders
        for name in sorted(os.listdir(os.path.join(root, folder)))
        if name.endswith('.json')
    ]
    files = [file for file in files if file != 'demo.json']
    same_name = [file for file in files if os.path.basename(file) == os.path.basename(given)]
    same_part = [file for file in files if ('train' in file) == ('train' in given)]
    for candidates in (same_name, files, same_part):
        if len(candidates) == 1:
            dataset['ann_file'] = candidates[0]
            break
    prefix = (dataset.get('data_prefix') or {}).get('img', '')
    for folder in (prefix, os.path.join('images', prefix), 'images', 'JPEGImages', ''):
        if _holds_images(dataset, root, folder):
            dataset['data_prefix'] = dict(img=folder)
            break


def _holds_images(dataset: dict, root: str, folder: str) -> bool:
    """Whether one of the first images that the annotations list lies in this folder of `root`.

    That a folder is there says little: '' is always there. Where the annotations cannot be read
    it has to do.
    """
    if not os.path.isdir(os.path.join(root, folder)):
        return False
    try:
        listed = load_coco_json(os.path.join(root, dataset.get('ann_file', '')))['file_names']
    except (DataError, OSError):
        return True
    first = listed[:_ASKED].tolist()
    return not first or any(os.path.isfile(os.path.join(root, folder, name)) for name in first)


def _is_voc_part(root: str) -> bool:
    """Whether a folder itself holds images and annotations, also XML files beside images."""
    folders = ('JPEGImages', 'images', '')
    beside = any(holds(os.path.join(root, folder), ('.xml',)) for folder in folders)
    return beside or os.path.isdir(os.path.join(root, 'Annotations'))


def _present_list(root: str, ann_file: str) -> str:
    """The list of the same name in ImageSets/Main; VOC2012 has no test list, so val is used."""
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
