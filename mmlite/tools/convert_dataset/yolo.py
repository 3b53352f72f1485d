"""YOLO's text files, read by `YoloDataset`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmlite.datasets import YoloDataset
from mmlite.datasets.annotation_files import Listed, yolo_config, yolo_row
from mmlite.datasets.image_files import IMAGE_ENDINGS
from mmlite.datasets.values import number_of
from mmlite.datasets.yolo_labels import in_folder, label_file
from mmlite.datasets.yolo_lists import DESCRIPTIONS
from mmlite.errors import DataError
from mmlite.support.files import make_folder, write_text
from mmlite.tools.convert_dataset.own_datasets import ALL, dataset_records
from mmlite.tools.convert_dataset.source import Records, Source
from mmlite.tools.convert_dataset.text_files import first_rows

LOOKS_FOR = 'a folder with text files of `class cx cy w h` rows, or a data.yaml or obj.data'
IMAGES = 'images'
FLAT = False
KEEPS: dict[str, str] = {}
WHOLE_PIXELS, CLIPS = False, True


def finds(source: Source) -> bool:
    if source.path.is_file():
        return source.path.name.endswith(DESCRIPTIONS)
    return any(_is_row(row) for row in first_rows(source))


def _is_row(row: str) -> bool:
    words = [number_of(word) for word in row.split()]
    is_box = len(words) == 5 or (len(words) >= 7 and len(words) % 2 == 1)
    return is_box and None not in words and all(-0.01 < word < 1.01 for word in words[1:])


def records(source: Source) -> Records:
    """Reads all images of the folder, or of --images; or the split that a data.yaml describes.

    Raises:
        DataError: no image has an object: the label files are elsewhere, as a rule.
    """
    if source.path.is_file():
        where = dict(ann_file=source.path.name, split=source.split or 'train')
    else:
        images = source.images or source.path
        where = dict(data_prefix=dict(img=str(images.resolve()), **_label_folder(source)))
    dataset = YoloDataset(data_root=str(source.root), **where, **ALL)
    if not dataset.num_objects():
        raise DataError(
            f'{source.path}: none of its {len(dataset)} images has an object: '
            f'{"; ".join(dataset.notes)}'
        )
    return dataset_records(source, dataset, 'difficult')


def _label_folder(source: Source) -> dict[str, str]:
    """Returns the source as the folder of label files, where they lie there, images elsewhere."""
    if source.images is None:
        return {}
    images, here = str(source.images.resolve()), str(source.root)
    files = (str(p) for p in Path(images).rglob('*') if p.suffix.lower() in IMAGE_ENDINGS)
    found = any(os.path.isfile(in_folder(file, images, here)) for file in files)
    return dict(labels=here) if found and images != here else {}


def write(
    images: Sequence[Listed], classes: Sequence[str], out: Path, coordinates: str
) -> dict[str, Any]:
    """Writes labels and data.yaml; returns the data set of a config that reads them."""
    numbers = {name: i for i, name in enumerate(classes)}
    make_folder(out / 'labels')
    for image in images:
        path = Path(label_file(str(out / IMAGES / image.name)))  # where `images` may come twice
        make_folder(path.parent)
        rows = [yolo_row(box, numbers[box.name], image.size) for box in image.boxes]
        write_text(path, ''.join(f'{row}\n' for row in rows))
    write_text(out / 'data.yaml', yolo_config(classes))
    return dict(
        type='YoloDataset',
        data_root=os.fspath(out),
        data_prefix=dict(img=IMAGES),
        metainfo=dict(classes=tuple(classes)),
    )
