"""YOLO's text files, read by `YoloDataset`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmlite.datasets import YoloDataset
from mmlite.datasets.annotation_files import Listed, yolo_config, yolo_row
from mmlite.datasets.values import number_of
from mmlite.errors import DataError
from mmlite.support.files import make_folder, write_text
from mmlite.tools.convert_dataset.content import read_text
from mmlite.tools.convert_dataset.own_datasets import ALL, dataset_records
from mmlite.tools.convert_dataset.source import POLYGONS, Records, Source
from mmlite.tools.convert_dataset.text_files import first_rows

LOOKS_FOR = 'a folder with text files of `class cx cy w h` rows (labels beside images, data.yaml)'
IMAGES = 'images'
FLAT = False
KEEPS: dict[str, str] = {}
WHOLE_PIXELS, CLIPS = False, True


def finds(source: Source) -> bool:
    return source.path.is_dir() and any(_is_row(row) for row in first_rows(source))


def _is_row(row: str) -> bool:
    words = [number_of(word) for word in row.split()]
    is_box = len(words) == 5 or (len(words) >= 7 and len(words) % 2 == 1)
    return is_box and None not in words and all(-0.01 < word < 1.01 for word in words[1:])


def records(source: Source) -> Records:
    """Reads all images of the folder, or of --images."""
    if not source.path.is_dir():
        raise DataError(f'{source.path}: give the folder that holds images, labels and data.yaml')
    images = source.images or source.path
    dataset = YoloDataset(
        data_root=str(source.path.resolve()), data_prefix=dict(img=str(images.resolve())), **ALL
    )
    if not dataset.num_objects():
        raise DataError(
            f'{source.path}: none of the {len(dataset)} images in {images} has an object: '
            f'{"; ".join(dataset.notes)}'
        )
    for path in source.ending_in('.txt'):
        rows = (row.split() for row in read_text(path).splitlines())
        source.lose(POLYGONS, sum(len(row) >= 7 and len(row) % 2 == 1 for row in rows))
    return dataset_records(source, dataset, 'difficult')


def write(
    images: Sequence[Listed], classes: Sequence[str], out: Path, coordinates: str
) -> dict[str, Any]:
    """Writes labels and data.yaml; returns the data set of a config that reads them."""
    numbers = {name: i for i, name in enumerate(classes)}
    labels = make_folder(out / 'labels')
    for image in images:
        path = labels / Path(image.name).with_suffix('.txt')
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
