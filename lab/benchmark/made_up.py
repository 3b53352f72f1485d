"""A COCO file of any size: boxes as many and as large as COCO's, images that do not exist."""

from __future__ import annotations

import json
import random
from pathlib import Path

from mmlite.datasets import CocoDataset

BOXES_PER_IMAGE = 7.2  # 860,001 boxes on 118,287 images in COCO's train2017
OUTLINE_POINTS = 25  # with them the file of 120,000 images has the size of COCO's, 0.5 GB


def write_coco_file(path: Path, images: int, outlines: bool = False) -> int:
    """Writes an annotation file with COCO's 80 classes and returns its number of boxes.

    Args:
        path: the JSON file.
        images: their number.
        outlines: each object gets a polygon, as COCO's have.
    """
    draw = random.Random(0)
    names = CocoDataset.METAINFO['classes']
    outline = ''
    if outlines:
        points = [round(draw.uniform(0, 480), 2) for _ in range(2 * OUTLINE_POINTS)]
        outline = f', "segmentation": [{points}]'  # the same for all: a file reads no faster for it
    boxes = round(images * BOXES_PER_IMAGE)
    with open(path, 'w', encoding='utf-8') as file:
        entries = [
            dict(id=i, file_name=f'{i:012d}.jpg', width=640, height=480) for i in range(images)
        ]
        categories = [dict(id=i, name=name) for i, name in enumerate(names, 1)]
        file.write(f'{{"images": {json.dumps(entries)}, "categories": {json.dumps(categories)}, ')
        file.write('"annotations": [')
        for i in range(boxes):
            width, height = draw.randint(4, 140), draw.randint(4, 100)
            file.write(
                f'{"," if i else ""}\n{{"id": {i}, "image_id": {draw.randrange(images)}, '
                f'"category_id": {draw.randint(1, len(names))}, "iscrowd": 0, '
                f'"area": {width * height / 2}, "bbox": [{draw.randint(0, 50000) / 100}, '
                f'{draw.randint(0, 38000) / 100}, {width}, {height}]{outline}}}'
            )
        file.write(']}\n')
    return boxes
