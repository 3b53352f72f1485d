"""classes='auto' of data sets and num_classes='auto' of heads: the names in the training data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log

from mmlite.config.nodes import walk
from mmlite.config.schema import LOADERS
from mmlite.datasets.base import DetDataset
from mmlite.errors import ConfigError, DataError
from mmlite.registry import DATASETS
from mmlite.support.quiet import quiet_log


def settle_classes(cfg: Config, classes: Sequence[str] | None = None) -> str:
    """Writes the class names and their number into a config, in the place of 'auto'.

    All data sets get the same list, in the same order: that of the training data. Data sets whose
    classes are 'auto' where the config does not name any, such as YoloDataset, get it too.

    Args:
        cfg: is changed where it has an 'auto'.
        classes: those of the checkpoint that is used; None to look into the training data.

    Returns:
        what was said about `num_classes='auto'`; '' where there is none.

    Raises:
        ConfigError: no data set of the config can have the names.
        DataError: the training data are missing or cannot be used.
    """
    heads, unnamed = _auto_heads(cfg), _unnamed(cfg)
    if not heads and not unnamed:
        return ''
    try:
        names = tuple(classes or _trained_classes(cfg))
    except DataError:
        if heads or not all(_is_silent(node) for node in unnamed):
            raise
        return ''  # data sets that find their classes themselves, a test without training data
    for node in unnamed:
        node['metainfo'] = dict(node.get('metainfo') or {}, classes=names)
    for head in heads:
        head['num_classes'] = len(names)
    if not heads:
        return ''
    source = 'of the checkpoint' if classes else 'of the training data'
    said = f"num_classes='auto': {len(names)}, the classes {source}: {', '.join(names)}"
    print_log(said, 'current')
    return said


def needs_classes(cfg: Config) -> bool:
    """Whether `settle_classes` would have to find class names."""
    return bool(_auto_heads(cfg) or _unnamed(cfg))


def _auto_heads(cfg: Config) -> list[dict]:
    nodes = (node for _, node in walk(cfg.get('model')) if isinstance(node, dict))
    return [node for node in nodes if node.get('num_classes') == 'auto']


def _unnamed(cfg: Config) -> list[dict]:
    return [node for node in _dataset_dicts(cfg) if _names_in(node) == 'auto']


def _dataset_dicts(cfg: Config, loaders: Sequence[str] = LOADERS) -> Iterator[dict]:
    """Yields the dict of every data set that reads files, inside its wrappers."""
    for loader in loaders:
        for path, node in walk((cfg.get(loader) or {}).get('dataset'), 'dataset'):
            is_place = path.endswith('dataset') or path.split('.')[-2:-1] == ['datasets']
            if is_place and isinstance(node, dict) and 'type' in node:
                cls = DATASETS.find(node['type'], f'{loader}.{path}')
                if isinstance(cls, type) and issubclass(cls, DetDataset):
                    yield node


def _names_in(node: dict) -> Any:
    """The class names of a data set's dict, or 'auto'; those of its class where it has none."""
    own = DATASETS.find(node['type'], 'dataset').METAINFO
    found = {**own, **(node.get('metainfo') or {})}.get('classes')
    return 'auto' if found is None else found


def _is_silent(node: dict) -> bool:
    return 'classes' not in (node.get('metainfo') or {})


def _trained_classes(cfg: Config) -> Sequence[str]:
    """The names of the training data, or without them of the first data set there is."""
    loaders = [loader for loader in LOADERS if any(_dataset_dicts(cfg, [loader]))][:1]
    nodes = list(_dataset_dicts(cfg, loaders))
    if not nodes:
        raise ConfigError(
            "num_classes='auto': the config has no data set whose classes could be counted. Write "
            'the number of classes, background not counted'
        )
    written = [names for names in map(_names_in, nodes) if names != 'auto']
    if written:
        return written[0]
    found: dict[str, None] = {}
    with quiet_log():
        for node in nodes:
            dataset = DATASETS.build({**node, 'pipeline': []}, at=f'{loaders[0]}.dataset')
            found |= dict.fromkeys(dataset.classes)
    return list(found)
