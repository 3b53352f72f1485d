"""Annotations in the forms of other programs: COCO's lists, VOC's XML, YOLO's rows, labelme's JSON.

Boxes are xyxy in pixels of the image, counted from 0, x2 and y2 beyond the last pixel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent

import numpy as np
import yaml

_DIGITS = 4  # behind the point of a pixel
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


class Box(NamedTuple):
    """An object or a detection.

    Args:
        name: of its class.
        corners: x1, y1, x2, y2 in pixels.
        crowd: a region of many objects, neither to be found nor a mistake when found.
        difficult: an object that is neither to be found nor a mistake when found.
        score: of a detection.
    """

    name: str
    corners: tuple[float, float, float, float]
    crowd: bool = False
    difficult: bool = False
    score: float | None = None


class Listed(NamedTuple):
    """An image with its boxes: the name that goes into the file, and (w, h) in pixels."""

    name: str
    size: tuple[int, int]
    boxes: Sequence[Box]


def clipped(box: Box, size: tuple[int, int]) -> Box:
    """Returns the part of a box that lies in the image."""
    x1, y1, x2, y2 = np.clip(box.corners, 0, [*size, *size]).tolist()
    return box._replace(corners=(x1, y1, x2, y2))


def coco_content(images: Iterable[Listed], classes: Sequence[str]) -> dict[str, list]:
    """Returns a COCO file: images, annotations and categories, all ids from 1.

    A crowd or difficult box gets iscrowd=1, the one mark that COCO's metric reads; a detection
    keeps its score. An id of 0 would be taken for "no match" by pycocotools.
    """
    ids = {name: i for i, name in enumerate(classes, 1)}
    listed, annotations = [], []
    for image_id, (file_name, (width, height), boxes) in enumerate(images, 1):
        listed.append(dict(id=image_id, file_name=file_name, width=width, height=height))
        for box in boxes:
            annotation = dict(
                id=len(annotations) + 1,
                image_id=image_id,
                category_id=ids[box.name],
                bbox=_xywh(box),
                area=round(_area(box), _DIGITS),
                iscrowd=int(box.crowd or box.difficult),
            )
            if box.score is not None:
                annotation['score'] = round(box.score, 5)
            annotations.append(annotation)
    categories = [dict(id=i, name=name, supercategory='') for name, i in ids.items()]
    return dict(images=listed, annotations=annotations, categories=categories)


def coco_results(content: dict[str, list]) -> list[dict]:
    """Returns the detections of `coco_content` as the list that pycocotools' loadRes takes."""
    keys = ('image_id', 'category_id', 'bbox', 'score')
    return [{key: entry[key] for key in keys} for entry in content['annotations']]


def voc_content(image: Listed, coordinates: str) -> Element:
    """Returns a VOC annotation of all the devkit's elements; corners as of `written_corners`."""
    root = Element('annotation')
    SubElement(root, 'folder').text = 'JPEGImages'
    SubElement(root, 'filename').text = image.name
    source = SubElement(root, 'source')  # VOCDataset reads from it how corners are meant
    SubElement(source, 'database').text = 'mmlite'
    SubElement(source, 'annotation').text = coordinates
    size = SubElement(root, 'size')
    for key, side in zip(('width', 'height', 'depth'), (*image.size, 3), strict=True):
        SubElement(size, key).text = str(side)
    SubElement(root, 'segmented').text = '0'
    for box in image.boxes:
        found = SubElement(root, 'object')
        SubElement(found, 'name').text = box.name
        SubElement(found, 'pose').text = 'Unspecified'
        SubElement(found, 'truncated').text = '0'
        SubElement(found, 'difficult').text = str(int(box.crowd or box.difficult))
        if box.score is not None:
            SubElement(found, 'score').text = f'{box.score:.5f}'  # readers of VOC pass it over
        bndbox = SubElement(found, 'bndbox')
        corners = written_corners(box.corners, image.size, coordinates)
        for key, corner in zip(_CORNERS, corners, strict=True):
            SubElement(bndbox, key).text = str(corner)
    indent(root)
    return root


def written_corners(
    corners: Sequence[float], size: tuple[int, int], coordinates: str
) -> tuple[int, int, int, int]:
    """Returns xmin, ymin, xmax, ymax in whole pixels, none beyond the image of `size` (w, h).

    Args:
        coordinates: the rule of `VOCDataset` that reads them back. 'inclusive' writes the first
            and the last pixel, counted from 1, as the devkit's files have it: x1 + 1, x2;
            'devkit' what mmdet's reader takes 1 off: x1 + 1, x2 + 1, so that a box that ends at the
            border comes back a pixel smaller; 'zero_based' x1, x2 as they are. A box is at least
            a pixel wide and high when it is read back.
    """
    first, last = dict(inclusive=(1, 0), devkit=(1, 1), zero_based=(0, 0))[coordinates]
    x1, y1, x2, y2 = np.round(np.asarray(corners, np.float64)).astype(np.int64).tolist()
    width, height = size
    least = 1 - first + last  # what xmax is more than xmin for a box of one pixel
    xmin = _within(x1 + first, first, width - least)
    ymin = _within(y1 + first, first, height - least)
    xmax, ymax = _within(x2 + last, xmin + least, width), _within(y2 + last, ymin + least, height)
    return xmin, ymin, xmax, ymax


def yolo_row(box: Box, number: int, size: tuple[int, int]) -> str:
    """Returns `class cx cy w h`, and the confidence behind it where the box has a score.

    The four are shares of the image; the part of the box beyond it is cut off.
    """
    x1, y1, x2, y2 = clipped(box, size).corners
    width, height = size
    shares = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
    words = [str(number), *(f'{share:.8f}' for share in shares)]
    return ' '.join(words if box.score is None else [*words, f'{box.score:.5f}'])


def yolo_config(classes: Sequence[str]) -> str:
    """Returns the data.yaml of a folder with images and labels."""
    config = dict(train='images', val='images', nc=len(classes), names=dict(enumerate(classes)))
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def labelme_content(image: Listed) -> dict:
    """Returns what labelme reads beside the image; it keeps the score of a rectangle."""
    shapes = []
    for box in image.boxes:
        x1, y1, x2, y2 = _rounded(box.corners)
        shape = dict(
            label=box.name,
            points=[[x1, y1], [x2, y2]],
            group_id=None,
            description='',
            shape_type='rectangle',
            flags={},
        )
        shapes.append(shape if box.score is None else dict(shape, score=round(box.score, 5)))
    width, height = image.size
    return dict(
        version='5.5.0',
        flags={},
        shapes=shapes,
        imagePath=image.name,
        imageData=None,
        imageHeight=height,
        imageWidth=width,
    )


def _xywh(box: Box) -> list[float]:
    x1, y1, x2, y2 = box.corners
    return _rounded((x1, y1, x2 - x1, y2 - y1))


def _area(box: Box) -> float:
    x1, y1, x2, y2 = box.corners
    return (x2 - x1) * (y2 - y1)


def _rounded(numbers: Sequence[float]) -> list[float]:
    return [round(float(number), _DIGITS) for number in numbers]


def _within(number: int, low: int, high: int) -> int:
    return max(low, min(number, high))
