"""Detections to files: drawn pictures and videos, JSON, CSV, annotations in VOC's XML.

Each writer is a context manager that takes one frame after the other, so that a video needs the
memory of one frame.
"""

from __future__ import annotations

import contextlib
import csv
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import cv2
import numpy as np

from mmlite.errors import DataError
from mmlite.inference.detections import Detections
from mmlite.inference.sources import Frame
from mmlite.support.files import make_folder, whole_file, write_text
from mmlite.visualization import draw_detections, write_jpeg

Write = Callable[[Frame, Detections], None]


@contextlib.contextmanager
def write_detections(
    out_dir: str | Path, kinds: Sequence[str], classes: Sequence[str]
) -> Iterator[Write]:
    """Opens writers of some of `KINDS`; what it gives is called with each frame.

    Args:
        out_dir: gets pictures/NAME.jpg, videos/NAME.mp4, detections.json, detections.csv,
            voc/Annotations/NAME.xml; of videos also voc/JPEGImages/NAME.jpg.
        kinds: which of them.
        classes: the names of labels 1..C.

    Raises:
        ConfigError: a file is in the place of the folder, or there is no permission.
    """
    out_dir = make_folder(out_dir)
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(KINDS[kind](out_dir, classes)) for kind in kinds]

        def write(frame: Frame, det: Detections) -> None:
            for writer in writers:
                writer(frame, det)

        yield write


@contextlib.contextmanager
def _pictures(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """A JPEG of each image; the frames of a video go into a video."""

    def write(frame: Frame, det: Detections) -> None:
        if frame.index is None:
            (out_dir / 'pictures').mkdir(exist_ok=True)
            write_jpeg(_drawn(frame, det), out_dir / 'pictures' / f'{frame.name}.jpg')

    yield write


@contextlib.contextmanager
def _videos(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """An MP4 of each video or camera."""
    opened: dict[str, cv2.VideoWriter] = {}  # by name; one at a time

    def write(frame: Frame, det: Detections) -> None:
        name = frame.video
        if name is None:
            return
        if name not in opened:
            _close(opened)
            opened[name] = _open_video(out_dir / 'videos' / f'{name}.mp4', frame)
        opened[name].write(_drawn(frame, det))

    try:
        yield write
    finally:
        _close(opened)


def _open_video(path: Path, frame: Frame) -> cv2.VideoWriter:
    path.parent.mkdir(exist_ok=True)
    fourcc = cv2.VideoWriter_fourcc(*'mp4v')  # the one that every build of OpenCV has
    video = cv2.VideoWriter(str(path), fourcc, frame.fps, frame.img.shape[1::-1])
    if not video.isOpened():
        raise DataError(f'{path}: OpenCV cannot write a video there')
    return video


def _close(opened: dict[str, cv2.VideoWriter]) -> None:
    for video in opened.values():
        video.release()
    opened.clear()


@contextlib.contextmanager
def _json(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """dict(classes, images): of each image its file, frame, size and detections."""
    images = []

    def write(frame: Frame, det: Detections) -> None:
        height, width = frame.img.shape[:2]
        found = [
            dict(bbox=bbox, score=score, label=label, name=name)
            for bbox, score, label, name in zip(
                np.round(det.bboxes.astype(float), 2).tolist(),
                np.round(det.scores.astype(float), 5).tolist(),
                det.labels.tolist(),
                det.names,
                strict=True,
            )
        ]
        where = dict(file=frame.source, frame=frame.index, width=width, height=height)
        images.append(dict(where, detections=found))

    try:
        yield write
    finally:  # also when a camera is stopped by Ctrl-C
        content = dict(classes=list(classes), images=images)
        write_text(out_dir / 'detections.json', json.dumps(content, ensure_ascii=False) + '\n')


@contextlib.contextmanager
def _csv(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """A row for each detection: file, frame, x1, y1, x2, y2, score, label, name."""
    with (out_dir / 'detections.csv').open('w', newline='', encoding='utf-8') as file:
        table = csv.writer(file)
        table.writerow(['file', 'frame', 'x1', 'y1', 'x2', 'y2', 'score', 'label', 'name'])

        def write(frame: Frame, det: Detections) -> None:
            for bbox, score, label, name in zip(
                det.bboxes, det.scores, det.labels, det.names, strict=True
            ):
                corners = [f'{corner:.2f}' for corner in bbox]
                table.writerow([frame.source, frame.index, *corners, f'{score:.5f}', label, name])

        yield write


@contextlib.contextmanager
def _voc(out_dir: Path, classes: Sequence[str]) -> Iterator[Write]:
    """Annotations that VOCDataset and labelling tools read; for a frame of a video its JPEG too."""
    for folder in ('Annotations', 'JPEGImages'):
        (out_dir / 'voc' / folder).mkdir(parents=True, exist_ok=True)

    def write(frame: Frame, det: Detections) -> None:
        image = Path(frame.source).name
        if frame.index is not None:
            image = f'{frame.name}.jpg'
            write_jpeg(frame.img, out_dir / 'voc' / 'JPEGImages' / image)
        with whole_file(out_dir / 'voc' / 'Annotations' / f'{frame.name}.xml') as file:
            ElementTree(_annotation(image, frame, det)).write(file, encoding='utf-8')

    yield write


def _annotation(image: str, frame: Frame, det: Detections) -> Element:
    root = Element('annotation')
    SubElement(root, 'filename').text = image
    SubElement(root, 'path').text = frame.source
    size = SubElement(root, 'size')
    for key, side in zip(('height', 'width', 'depth'), frame.img.shape, strict=True):
        SubElement(size, key).text = str(side)
    for bbox, score, name in zip(det.bboxes, det.scores, det.names, strict=True):
        found = SubElement(root, 'object')
        SubElement(found, 'name').text = name
        SubElement(found, 'difficult').text = '0'
        SubElement(found, 'score').text = f'{score:.5f}'  # readers of VOC pass it over
        corners = SubElement(found, 'bndbox')
        # the devkit counts pixels from 1
        for key, corner in zip(('xmin', 'ymin', 'xmax', 'ymax'), np.round(bbox) + 1, strict=True):
            SubElement(corners, key).text = str(int(corner))
    indent(root)
    return root


def _drawn(frame: Frame, det: Detections) -> np.ndarray:
    return draw_detections(frame.img, det.bboxes, det.labels, det.scores, det.classes, score_thr=0)


KINDS = dict(pictures=_pictures, video=_videos, json=_json, csv=_csv, voc=_voc)
