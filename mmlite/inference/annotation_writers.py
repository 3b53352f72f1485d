"""Detections as annotations: data sets that mmlite, labelling tools and COCO's tools read.

Each form has a folder of its own that is a whole data set. Where the form wants the images beside
the annotations, the image files are copied there; the frames of a video always become JPEG files.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import ElementTree

import cv2

from mmlite.datasets.annotation_files import (
    Box,
    Listed,
    coco_content,
    coco_results,
    labelme_content,
    voc_content,
    yolo_config,
    yolo_row,
)
from mmlite.datasets.csv_table import COLUMNS, SIZE_COLUMNS
from mmlite.errors import DataError
from mmlite.inference.detections import Detections
from mmlite.inference.sources import Frame
from mmlite.support.files import make_folder, whole_file, write_text
from mmlite.visualization import write_jpeg

Write = Callable[[Frame, Detections], None]


@contextlib.contextmanager
def coco_writer(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """coco/annotations.json, a whole COCO file, and coco/results.json, which loadRes takes.

    Image files are named as in the folder that was given; frames lie in coco/images.
    """
    folder = make_folder(out_dir / 'coco')
    images: list[Listed] = []

    def write(frame: Frame, det: Detections) -> None:
        name = frame.file
        if frame.index is not None:
            name = save_picture(frame, folder / 'images')
        images.append(_listed(name, frame, det))

    try:
        yield write
    finally:  # also when a camera is stopped by Ctrl-C
        content = coco_content(images, classes)
        write_text(folder / 'annotations.json', _json_text(content))
        write_text(folder / 'results.json', _json_text(coco_results(content)))


@contextlib.contextmanager
def csv_writer(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """detections.csv, which CsvDataset reads: a row for each detection.

    An image without a detection has a row without a box. Image files are named as in the folder
    that was given.
    """
    columns = (*COLUMNS, 'confidence', 'label', *SIZE_COLUMNS, 'source', 'frame')
    with (out_dir / 'detections.csv').open('w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()

        def write(frame: Frame, det: Detections) -> None:
            height, width = frame.img.shape[:2]
            of_image = dict(filename=frame.file, width=width, height=height)
            of_image |= dict(source=frame.source, frame=frame.index)
            if not len(det):
                table.writerow(of_image)
            for box, label in zip(_boxes(det), det.labels.tolist(), strict=True):
                corners = [f'{corner:.3f}' for corner in box.corners]
                found = dict(zip(COLUMNS[1:5], corners, strict=True), label=label)
                found |= {'class': box.name, 'confidence': f'{box.score:.5f}'}
                table.writerow(of_image | found)

        yield write


def voc_writer_of(coordinates: str) -> Callable:
    """Returns the writer of voc/Annotations and voc/JPEGImages, see `written_corners`."""

    @contextlib.contextmanager
    def voc_writer(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
        annotations = make_folder(out_dir / 'voc' / 'Annotations')

        def write(frame: Frame, det: Detections) -> None:
            image = save_picture(frame, out_dir / 'voc' / 'JPEGImages')
            element = voc_content(_listed(image, frame, det), coordinates)
            with whole_file(annotations / f'{frame.name}.xml') as file:
                ElementTree(element).write(file, encoding='utf-8')

        yield write

    return voc_writer


@contextlib.contextmanager
def yolo_writer(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """yolo/images, yolo/labels and yolo/data.yaml, without scores: to train on."""
    with _yolo(out_dir / 'yolo', classes, scores=False) as write:
        yield write


@contextlib.contextmanager
def yolo_conf_writer(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """The same in yolo_conf, each row with its confidence at the end: to evaluate or to sort."""
    with _yolo(out_dir / 'yolo_conf', classes, scores=True) as write:
        yield write


@contextlib.contextmanager
def _yolo(folder: Path, classes: Sequence[str], scores: bool) -> Iterator[Write]:
    labels = make_folder(folder / 'labels')
    write_text(folder / 'data.yaml', yolo_config(classes))
    numbers = {name: i for i, name in enumerate(classes)}

    def write(frame: Frame, det: Detections) -> None:
        image = _listed(save_picture(frame, folder / 'images'), frame, det)
        boxes = image.boxes if scores else [box._replace(score=None) for box in image.boxes]
        rows = [yolo_row(box, numbers[box.name], image.size) for box in boxes]
        write_text(labels / f'{frame.name}.txt', ''.join(f'{row}\n' for row in rows))

    yield write


@contextlib.contextmanager
def labelme_writer(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """labelme/NAME.json beside the image, to be corrected by hand."""
    folder = make_folder(out_dir / 'labelme')

    def write(frame: Frame, det: Detections) -> None:
        image = _listed(save_picture(frame, folder), frame, det)
        write_text(folder / f'{frame.name}.json', _json_text(labelme_content(image), indent=2))

    yield write


def save_picture(frame: Frame, folder: Path) -> str:
    """Writes the image into a folder, image files as they are; returns its name there."""
    make_folder(folder)
    if frame.index is None and os.path.isfile(frame.source):
        name = f'{frame.name}{Path(frame.source).suffix}'
        if (folder / name).resolve() != Path(frame.source).resolve():
            shutil.copyfile(frame.source, folder / name)
        return name
    if frame.index is None:  # an image that its user has read
        name = f'{frame.name}.png'
        if not cv2.imwrite(str(folder / name), frame.img):
            raise DataError(f'{folder / name}: OpenCV cannot write the image')
        return name
    write_jpeg(frame.img, folder / f'{frame.name}.jpg')
    return f'{frame.name}.jpg'


def _listed(name: str, frame: Frame, det: Detections) -> Listed:
    height, width = frame.img.shape[:2]
    return Listed(name, (width, height), _boxes(det))


def _boxes(det: Detections) -> list[Box]:
    rows = zip(det.names, det.bboxes.tolist(), det.scores.tolist(), strict=True)
    return [Box(name, tuple(bbox), score=score) for name, bbox, score in rows]


def _json_text(content: object, indent: int | None = None) -> str:
    return json.dumps(content, ensure_ascii=False, indent=indent) + '\n'
