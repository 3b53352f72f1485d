"""COCO's JSON, read by `CocoDataset`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmlite.datasets import CocoDataset
from mmlite.datasets.annotation_files import Listed, coco_content
from mmlite.datasets.values import truth_value
from mmlite.support.files import write_text
from mmlite.tools.convert_dataset.files import folder_of, one_json
from mmlite.tools.convert_dataset.own_datasets import ALL, dataset_records
from mmlite.tools.convert_dataset.source import ATTRIBUTES, SCORES, Records, Source

LOOKS_FOR = "a JSON file with 'images', 'annotations' and 'categories'"
IMAGES = 'images'
FLAT = False  # images may lie in folders
KEEPS = dict(difficult='iscrowd=1, the mark that COCO has', crowd='iscrowd=1')
WHOLE_PIXELS = CLIPS = False
_OUTLINES = 'outlines (segmentation), whose boxes are kept'
_IGNORE = "marks 'ignore': the boxes are written as objects"
_KNOWN = (
    *('id', 'image_id', 'category_id', 'bbox', 'area', 'iscrowd', 'segmentation', 'score'),
    'ignore',
)


def finds(source: Source) -> bool:
    return any(is_coco(source.json(path)) for path in source.ending_in('.json')[:20])


def is_coco(content: Any) -> bool:
    keys = {'images', 'annotations', 'categories'}
    return isinstance(content, dict) and keys <= set(content)


def records(source: Source) -> Records:
    """Reads one file; images are looked for in its folder, or in --images."""
    path, content = one_json(source, is_coco)
    folder = source.images or _image_folder(source, path, content)
    dataset = CocoDataset(
        ann_file=str(path.resolve()),
        data_root=str(source.root),
        data_prefix=dict(img=str(folder.resolve())),
        **ALL,
    )
    for entry in content['annotations']:
        source.lose(_OUTLINES, bool(entry.get('segmentation')))
        source.lose(SCORES, 'score' in entry)
        source.lose(_IGNORE, truth_value(entry.get('ignore')) is True)
        source.lose(ATTRIBUTES, len(set(entry) - set(_KNOWN)))
    found = dataset_records(source, dataset, 'crowd')
    return found._replace(classes=[name for name in found.classes if _is_used(name, content)])


def _is_used(name: str, content: dict) -> bool:
    """Roboflow lists a root category, the parent of the others, that no object has."""
    entry = next(e for e in content['categories'] if e['name'].strip() == name)
    parents = {other.get('supercategory') for other in content['categories'] if other is not entry}
    ids = {annotation.get('category_id') for annotation in content['annotations']}
    return entry['id'] in ids or name not in parents


def _image_folder(source: Source, path: Path, content: dict) -> Path:
    """Returns the folder that has the first image of the file, else that of the file."""
    images = content['images']
    first = images[0].get('file_name') if images and isinstance(images[0], dict) else None
    found = source.pictures.find(first) if isinstance(first, str) and first else None
    return folder_of(found, first, path.parent) if found else path.parent


def write(
    images: Sequence[Listed], classes: Sequence[str], out: Path, coordinates: str
) -> dict[str, Any]:
    """Writes annotations.json; returns the data set of a config that reads it."""
    text = json.dumps(coco_content(images, classes), ensure_ascii=False)
    write_text(out / 'annotations.json', f'{text}\n')
    return dict(
        type='CocoDataset',
        data_root=os.fspath(out),
        ann_file='annotations.json',
        data_prefix=dict(img=IMAGES),
        metainfo=dict(classes=tuple(classes)),
    )
