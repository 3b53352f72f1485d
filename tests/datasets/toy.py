"""Small data sets: one that needs no files, and one with a COCO file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np

from mmlite.datasets import CocoDataset, DetDataset

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'), dict(type='PackDetInputs')]


BOXES = (
    (10, 10, 30, 30, 'cat', False),
    (-5, 10, 120, 30, 'dog', False),  # sticks out of (100, 50)
    (20, 20, 20, 40, 'cat', False),  # one pixel wide to the devkit
    (40, 10, 30, 30, 'cat', False),  # xmax < xmin
    (110, 10, 120, 30, 'dog', False),  # outside: of zero size once it is clipped
    (50, 5, 60, 15, 'dog', True),
)


class Toy(DetDataset):
    """Images of (w, h), each with boxes (x1, y1, x2, y2, class name, difficult)."""

    images: tuple = ()
    folder = ''

    def load_records(self) -> list[dict]:
        objects = [obj for *_, objs in self.images for obj in objs]
        names = [obj[4] for obj in objects]
        labels = self.settle_classes({name: names.count(name) for name in names})
        return [
            dict(
                filename=os.path.join(self.folder, f'{i}.png'),
                width=width,
                height=height,
                ann=dict(
                    bboxes=np.array([obj[:4] for obj in objs], np.float32).reshape(-1, 4),
                    labels=np.array([labels[obj[4]] for obj in objs], np.int64),
                    difficult=np.array([obj[5] for obj in objs], bool),
                ),
            )
            for i, (width, height, objs) in enumerate(self.images)
        ]


def toy(images, folder='', **kwargs) -> Toy:
    cls = type('Toy', (Toy,), dict(images=images, folder=str(folder)))
    kwargs.setdefault('metainfo', dict(classes=('cat', 'dog')))
    return cls(**kwargs)


def write_images(folder: Path, good: list[bool]) -> None:
    """Pictures 0.png, 1.png, ...; those that are not good cannot be read."""
    for i, is_good in enumerate(good):
        path = folder / f'{i}.png'
        if is_good:
            cv2.imwrite(str(path), np.full((50, 100, 3), 10 * i, np.uint8))
        else:
            path.write_bytes(b'no image')


def toy_coco(
    folder: Path,
    sizes: list[tuple[int, int]],
    changes: dict | None = None,
    annotated: int | None = None,
    pictures: list[tuple[int, int]] | None = None,
    **arguments: object,
) -> CocoDataset:
    """A COCO file with images 0.png, 1.png, ... and a cat in each of them.

    Args:
        sizes: (w, h) of each image, as the file says.
        changes: of what each annotation says.
        annotated: images with an annotation, the first ones (all).
        pictures: the sizes that the pictures really have (`sizes`).
        arguments: of the data set; without them its class is 'cat', its pipeline LOAD.
    """
    for i, (width, height) in enumerate(pictures or sizes):
        cv2.imwrite(str(folder / f'{i}.png'), np.zeros((height, width, 3), np.uint8))
    cat = dict(category_id=1, bbox=[5, 5, 20, 10], area=200, iscrowd=0) | (changes or {})
    content = dict(
        images=[
            dict(id=i, file_name=f'{i}.png', width=width, height=height)
            for i, (width, height) in enumerate(sizes)
        ],
        annotations=[dict(id=i, image_id=i) | cat for i in range(len(sizes))][:annotated],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
    )
    (folder / 'a.json').write_text(json.dumps(content), encoding='utf-8')
    defaults = dict(metainfo=dict(classes=('cat',)), pipeline=LOAD)
    return CocoDataset(ann_file='a.json', data_root=str(folder), **{**defaults, **arguments})
