"""What the four forms of mmlite's own data sets have in common: they are read by those."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmlite.datasets.annotation_files import Box
from mmlite.datasets.base import DetDataset
from mmlite.errors import DataError
from mmlite.tools.convert_dataset.content import from_xywh, name_of
from mmlite.tools.convert_dataset.source import Picture, Records, Source

ALL = dict(metainfo=dict(classes='auto'), test_mode=True)  # every class, image and box


def dataset_records(source: Source, dataset: DetDataset, ignored: str) -> Records:
    """Returns all images of a data set.

    Args:
        ignored: what a box to be ignored is in this form: 'crowd' or 'difficult'.
    """
    source.notes += dataset.notes
    bad = {path: why for path, why in dataset.bad_items.items() if not source.skip_bad}
    if bad:
        raise DataError(next(iter(bad.values())))
    source.bad += dataset.bad_items.values()
    names = _class_names(dataset, str(source.path))
    return Records(_pictures(dataset, names, ignored), names)


def _class_names(dataset: DetDataset, at: str) -> list[str]:
    """Returns the class names without spaces around them, which not all forms keep."""
    names = [name_of(name, at) for name in dataset.classes]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            f'{at}: two classes are named {twice[0]!r}, once with a space before or behind it: '
            'one class or two? Rename one of them'
        )
    return names


def _pictures(dataset: DetDataset, names: list[str], ignored: str) -> Iterator[Picture]:
    for i in range(len(dataset)):
        path = Path(dataset.filename(i))
        if str(path) in dataset.bad_items:
            continue
        info, data = dataset.get_coco_info(i), dataset.get_data_info(i)
        boxes = [
            Box(names[label - 1], from_xywh(*xywh), **{ignored: is_ignored})
            for xywh, label, is_ignored in _rows(info)
        ]
        file = path if path.is_file() else None
        yield Picture(path.name, boxes, (data['width'], data['height']), file=file)


def _rows(info: dict[str, Any]) -> Iterator[tuple]:
    return zip(info['xywh'].tolist(), info['labels'].tolist(), info['crowd'].tolist(), strict=True)
