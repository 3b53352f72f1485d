"""Detections to files: drawn pictures and videos, JSON, and annotations of several forms.

Each writer is a context manager that takes one frame after the other, so that a video needs the
memory of one frame.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmlite.errors import DataError
from mmlite.inference.annotation_writers import (
    Write,
    coco_writer,
    csv_writer,
    labelme_writer,
    voc_writer_of,
    yolo_conf_writer,
    yolo_writer,
)
from mmlite.inference.detections import Detections
from mmlite.inference.sources import Frame
from mmlite.support.files import make_folder, write_text
from mmlite.visualization import draw_detections, write_jpeg


@contextlib.contextmanager
def write_detections(
    out_dir: str | Path,
    kinds: Sequence[str],
    classes: Sequence[str],
    coordinates: str = 'inclusive',
) -> Iterator[Write]:
    """Opens writers of some of `KINDS`; what it gives is called with each frame.

    Args:
        out_dir: gets pictures/NAME.jpg, videos/NAME.mp4, detections.json, detections.csv, and
            the folders coco, voc, yolo, yolo_conf and labelme, see `annotation_writers.py`.
        kinds: which of them.
        classes: the names of labels 1..C.
        coordinates: what the corners in voc count by, see `written_corners`.

    Raises:
        ConfigError: a file is in the place of the folder, or there is no permission.
    """
    out_dir = make_folder(out_dir)
    with contextlib.ExitStack() as stack:
        writer_of = KINDS | dict(voc=voc_writer_of(coordinates))
        writers = [stack.enter_context(writer_of[kind](out_dir, classes)) for kind in kinds]

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


def _drawn(frame: Frame, det: Detections) -> np.ndarray:
    return draw_detections(frame.img, det.bboxes, det.labels, det.scores, det.classes, score_thr=0)


KINDS = dict(
    pictures=_pictures,
    video=_videos,
    json=_json,
    csv=csv_writer,
    coco=coco_writer,
    voc=voc_writer_of('inclusive'),
    yolo=yolo_writer,
    yolo_conf=yolo_conf_writer,
    labelme=labelme_writer,
)
