"""Small folders of annotated pictures in several layouts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

SIZE = (64, 48)  # w, h
BOX = (8, 6, 40, 30)  # xyxy

_XML = (
    '<annotation><filename>{name}</filename><size><width>64</width><height>48</height></size>'
    '{objects}</annotation>'
)
_OBJECT = (
    '<object><name>{}</name><bndbox><xmin>8</xmin><ymin>6</ymin><xmax>40</xmax><ymax>30</ymax>'
    '</bndbox></object>'
)


def picture(path: Path, number: int) -> Path:
    """Draws noise; equal numbers give equal pictures, others look different."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(coarse, SIZE, interpolation=cv2.INTER_NEAREST))
    return path


def pictures(folder: Path, count: int, first: int = 0) -> list[str]:
    """Draws `count` pictures, all different; returns their names without ending."""
    names = [f'p{first + i:02d}' for i in range(count)]
    for i, name in enumerate(names):
        picture(folder / f'{name}.png', first + i)
    return names


def voc(xml_dir: Path, img_dir: Path, names: Sequence[str], classes: Sequence[str]) -> None:
    """Writes XML files with one box each, of the classes alternately; draws the pictures."""
    xml_dir.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        picture(img_dir / f'{name}.png', i + 1000 * len(str(img_dir)))
        text = _XML.format(name=f'{name}.png', objects=_OBJECT.format(classes[i % len(classes)]))
        (xml_dir / f'{name}.xml').write_text(text, 'utf-8')


def coco(file: Path, folder: Path, count: int, classes: Sequence[str], prefix: str = '') -> None:
    """Writes a COCO file of `count` pictures in a folder, with one box each."""
    names = pictures(folder, count, 100 * len(str(folder)))
    images = [
        dict(id=i, file_name=f'{prefix}{name}.png', width=64, height=48)
        for i, name in enumerate(names)
    ]
    objects = [
        dict(id=i, image_id=i, category_id=i % len(classes) + 1, bbox=[8, 6, 32, 24], area=768)
        for i in range(count)
    ]
    categories = [dict(id=i, name=name) for i, name in enumerate(classes, 1)]
    file.parent.mkdir(parents=True, exist_ok=True)
    content = dict(images=images, annotations=objects, categories=categories)
    file.write_text(json.dumps(content), 'utf-8')


def yolo(images: Path, labels: Path, count: int, classes: int = 2, first: int = 0) -> None:
    """Writes label files of one box each, and draws the pictures."""
    labels.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(pictures(images, count, first)):
        (labels / f'{name}.txt').write_text(f'{i % classes} 0.375 0.375 0.5 0.5\n')


def table(file: Path, names: Sequence[str]) -> None:
    """Writes a table of one box in each of the pictures."""
    rows = [f'{name}.png,8,6,40,30,{"ab"[i % 2]}' for i, name in enumerate(names)]
    file.write_text('\n'.join(['filename,xmin,ymin,xmax,ymax,class', *rows, '']), 'utf-8')
