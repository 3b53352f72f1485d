"""Pictures of results: one per image of a data set, and a sheet of the first."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from mmlite.datasets.bad_items import LONGEST_BLACK_SIDE, leaves
from mmlite.datasets.encoded_image import ImageError, read_image
from mmlite.errors import ConfigError
from mmlite.evaluation.results import result2bbox
from mmlite.support.arrays import evenly_spread
from mmlite.support.files import make_folder
from mmlite.support.progress import progress
from mmlite.visualization.drawing import contact_sheet, draw_detections, draw_ground_truth


def write_pictures(
    results: Sequence[Sequence[np.ndarray]],
    dataset,
    out_dir: str | os.PathLike,
    score_thr: float = 0.3,
    on_sheet: int = 9,
) -> None:
    """Draws detections (solid) over the ground truth (white dashes) of every image.

    Args:
        results: in the (n_imgs)(n_class)(k,5) form.
        dataset: the data set they are of.
        out_dir: gets one JPEG per image and `sheet.jpg`.
        score_thr: lowest score drawn.
        on_sheet: images on the sheet, taken evenly from the whole set.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    chosen = set(evenly_spread(len(results), on_sheet))
    sheet = []
    images = progress(drawn(results, dataset, score_thr), 'drawing images', len(results))
    for i, img in enumerate(images):
        write_jpeg(img, out_dir / f'{i:05d}_{Path(dataset.filename(i)).stem}.jpg')
        if i in chosen:
            sheet.append(img)
    write_jpeg(contact_sheet(sheet, columns=3, cell=(480, 400)), out_dir / 'sheet.jpg')


def show_pictures(results: Sequence[Sequence[np.ndarray]], dataset, score_thr: float = 0.3) -> None:
    """Shows the pictures of `write_pictures` in a window; q or Escape ends, any key goes on."""
    for i, img in enumerate(drawn(results, dataset, score_thr)):
        cv2.imshow('mmlite', img)
        cv2.setWindowTitle('mmlite', f'{i + 1}/{len(results)} {dataset.filename(i)}')
        if cv2.waitKey(0) & 0xFF in (ord('q'), 27):
            break
    cv2.destroyAllWindows()


def check_display() -> None:
    """Raises ConfigError where no window can be opened; OpenCV would end the whole process."""
    if sys.platform.startswith('linux') and not (
        os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY')
    ):
        raise ConfigError('--show: there is no display here; --show-dir DIR writes the pictures')


def drawn(
    results: Sequence[Sequence[np.ndarray]], dataset, score_thr: float
) -> Iterator[np.ndarray]:
    """Yields each image with its detections over its ground truth, (h, w, 3) BGR."""
    for i, result in enumerate(results):
        yield drawn_image(dataset, i, result2bbox(result), score_thr)


def drawn_image(dataset, i: int, det: dict, score_thr: float) -> np.ndarray:
    """Returns image i of a data set with detections over its ground truth, (h, w, 3) BGR.

    Args:
        dataset: the data set.
        i: index in it.
        det: bboxes (n, 4) in original pixels, labels (n,) 1..C, scores (n,); arrays or tensors.
        score_thr: lowest score drawn.
    """
    img, zoom = enlarged(read_picture(dataset, i))
    truth = dataset.get_ann_info(i)
    img = draw_ground_truth(img, truth['bboxes'] * zoom, truth['labels'], dataset.classes)
    return draw_detections(
        img, det['bboxes'] * zoom, det['labels'], det['scores'], dataset.classes, score_thr
    )


def read_picture(dataset, i: int) -> np.ndarray:
    """Reads image i; black stands for one that cannot be read, where those are skipped."""
    info = dataset.get_data_info(i)
    size = info['width'], info['height']
    try:
        return read_image(info['filename'], annotated_size=size)
    except ImageError:
        if not any(leaf.skip_bad_images for leaf in leaves(dataset)):
            raise
        width, height = (min(max(side, 1), LONGEST_BLACK_SIDE) for side in size)
        return np.zeros((height, width, 3), np.uint8)


def enlarged(img: np.ndarray, least: int = 600) -> tuple[np.ndarray, int]:
    """Returns a small image enlarged so that names fit beside its boxes, and the factor."""
    zoom = max(1, math.ceil(least / max(img.shape[:2])))
    return cv2.resize(img, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC), zoom


def write_image(img: np.ndarray, path: Path) -> None:
    """Writes an image (h, w, 3) BGR in the format of the ending; makes the folder.

    Raises:
        ConfigError: OpenCV writes no such format, or there can be no such folder.
    """
    make_folder(path.parent)
    if path.suffix.lower() in ('.jpg', '.jpeg'):
        write_jpeg(img, path)
        return
    try:
        written, data = cv2.imencode(path.suffix, img)
    except cv2.error:
        written = False
    if not written:
        raise ConfigError(f'{path}: OpenCV writes no images of the ending {path.suffix!r}')
    path.write_bytes(data.tobytes())


def write_jpeg(img: np.ndarray, path: Path) -> None:
    """Writes an image under any name; cv2.imwrite cannot do that on Windows."""
    path.write_bytes(cv2.imencode('.jpg', img, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
